// Returns what reaches it, byte by byte; accepts WebSockets and delays responses.
import { createServer } from 'node:http';

import { WebSocketServer } from 'ws';

const webSockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'chat' });
const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://x');
  if (pathname === '/health') return response.end('ok');
  if (pathname === '/never') return undefined;
  if (pathname === '/early') return response.writeHead(413).end('too big');
  if (pathname === '/huge') return response.end(Buffer.alloc(30 * 1024 * 1024));
  if (pathname === '/redirect') {
    const [to = ''] = searchParams.getAll('to');
    return response.writeHead(307, { location: to.replace('OWN', request.headers.host) }).end();
  }
  if (pathname === '/busy') {
    const end = Date.now() + Number(searchParams.get('ms'));
    while (Date.now() < end);
  }
  response.setHeader('content-type', 'application/json');
  return response.end(
    JSON.stringify({ pid: process.pid, url: request.url, headers: request.headers, raw: request.rawHeaders }),
  );
});
server.on('upgrade', (request, socket, head) => {
  if (request.url === '/refused') {
    socket.end('HTTP/1.1 426 Upgrade Required\r\nX-Why: not here\r\nContent-Length: 5\r\n\r\nnever');
    return;
  }
  webSockets.handleUpgrade(request, socket, head, (webSocket) => {
    webSocket.send(`welcome to ${request.url}, ${request.headers['x-forwarded-prefix']}`);
    webSocket.on('message', (data, isBinary) => webSocket.send(data, { binary: isBinary }));
    webSocket.on('close', (code, reason) => console.log(`closed with ${code} ${reason}`));
  });
});
server.listen(process.env.PORT, '127.0.0.1');
