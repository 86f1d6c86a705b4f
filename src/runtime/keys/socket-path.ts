import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** The system takes no longer path for a socket (108 bytes on Linux, 104 on macOS, an end mark included). */
const LIMIT_BYTES = 100;

const usualPath = (dataDir: string): string => join(resolve(dataDir), 'admin.sock');
/** Says where the socket is when the folder's own path is too long for one. */
const notePath = (dataDir: string): string => join(resolve(dataDir), 'admin.sock.path');

/** Where a new server's socket goes; what an earlier one left behind is gone. */
export async function makeSocketPath(dataDir: string): Promise<string> {
  await removeSocketPath(dataDir);
  const usual = usualPath(dataDir);
  if (Buffer.byteLength(usual) <= LIMIT_BYTES) return usual;
  const folder = await mkdtemp(join(tmpdir(), 'cyberun-'));
  await chmod(folder, 0o700);
  const path = join(folder, 'admin.sock');
  await writeFile(notePath(dataDir), path, { mode: 0o600 });
  return path;
}

/** Where a running server's socket is. */
export async function findSocketPath(dataDir: string): Promise<string> {
  return readFile(notePath(dataDir), 'utf8').catch(() => usualPath(dataDir));
}

/** Removes the socket, and what says where it is. */
export async function removeSocketPath(dataDir: string): Promise<void> {
  const path = await findSocketPath(dataDir);
  await rm(path, { force: true });
  if (path === usualPath(dataDir)) return;
  await rm(dirname(path), { recursive: true, force: true });
  await rm(notePath(dataDir), { force: true });
}
