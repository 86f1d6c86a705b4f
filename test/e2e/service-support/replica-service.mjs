import { createServer } from 'node:http';

// Says which replica it is; holds, ends and logs on request.
const {
  CYBERUN_SERVICE_REPLICA: replica,
  CYBERUN_SERVICE_DIR: folder,
  GREETING: greeting = '',
  SECRET,
} = process.env;
console.log(`replica ${replica} begins with ${SECRET}`);

let held = 0;
createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  if (pathname === '/die') {
    console.log('about to end');
    return process.kill(process.pid, searchParams.get('signal') ?? 'SIGKILL');
  }
  if (pathname === '/hold') {
    held += 1;
    response.once('close', () => (held -= 1));
    return response.write('held');
  }
  if (pathname === '/held') return response.end(String(held));
  if (pathname === '/count') {
    let size = 0;
    request.on('data', (chunk) => (size += chunk.length)).on('end', () => response.end(`${replica}:${size}`));
    return undefined;
  }
  if (pathname === '/sized') return response.end(Buffer.alloc(Number(searchParams.get('bytes')), 'x'));
  const { headers } = request;
  return response.end(JSON.stringify({ replica, folder, greeting, pid: process.pid, headers }));
}).listen(process.env.PORT, '127.0.0.1');
