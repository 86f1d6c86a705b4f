import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Two ends of one connection inside this process, made of operating-system sockets. */
export type SocketPair = readonly [Socket, Socket];

/**
 * Node's http2 aborts the whole process when a JavaScript duplex beneath it is destroyed in the middle of a write; on real
 * sockets it does not. So a WebSocket is connected to http2 through such a pair.
 */
export async function socketPair(): Promise<SocketPair> {
  const place = await rendezvous();
  try {
    return await meet(place.path);
  } finally {
    await place.remove();
  }
}

/** An address only this user can connect to: a socket in a folder of mode 0700, or a pipe with an unguessable name. */
async function rendezvous(): Promise<{ path: string; remove: () => Promise<void> }> {
  if (process.platform === 'win32') {
    return { path: `\\\\.\\pipe\\cyberun-${randomUUID()}`, remove: () => Promise.resolve() };
  }
  const folder = await mkdtemp(join(tmpdir(), 'cyberun-'));
  return { path: join(folder, 'pair'), remove: () => rm(folder, { recursive: true, force: true }) };
}

async function meet(path: string): Promise<SocketPair> {
  const server = createServer({ noDelay: true });
  server.listen(path);
  await once(server, 'listening');
  try {
    const accepted = accept(server);
    const dialled = connect(path);
    await once(dialled, 'connect');
    return [dialled, await accepted];
  } finally {
    server.close();
  }
}

async function accept(server: Server): Promise<Socket> {
  const [socket] = (await once(server, 'connection')) as [Socket];
  return socket;
}
