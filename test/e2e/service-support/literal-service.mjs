// Answers exactly what the query says: `plan` is base64url JSON, a list of [what, text in base64 or number].
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const HEALTHY = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok';

async function play(socket, plan) {
  for (const [what, value] of plan) {
    if (what === 'say') socket.write(Buffer.from(value, 'base64'));
    if (what === 'wait') await delay(value);
    if (what === 'end') socket.end();
    if (what === 'reset') socket.resetAndDestroy();
  }
}

function answer(socket, head) {
  const { pathname, searchParams } = new URL(head.split(' ')[1], 'http://x');
  if (pathname === '/health') socket.end(HEALTHY);
  else void play(socket, JSON.parse(Buffer.from(searchParams.get('plan'), 'base64url').toString()));
}

createServer((socket) => {
  let head = '';
  socket.on('error', () => undefined);
  const read = (chunk) => {
    head += chunk.toString('latin1');
    if (!head.includes('\r\n\r\n')) return;
    // What comes after the head stays unread: an answer may come before it.
    socket.off('data', read);
    socket.pause();
    answer(socket, head);
  };
  socket.on('data', read);
}).listen(process.env.PORT, '127.0.0.1');
