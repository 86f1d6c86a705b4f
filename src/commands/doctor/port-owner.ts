import { readdir, readFile, readlink } from 'node:fs/promises';

/** State of a socket that listens, in the tables of the kernel. */
const LISTENING = '0A';
const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'];

/** A process that listens. */
interface PortOwner {
  readonly processId: number;
  /** Name of its program. */
  readonly program: string;
}

/**
 * The process that listens on a port of this machine; `undefined` where that cannot be seen: on other systems than Linux, and
 * for processes of other users.
 */
export async function ownerOfPort(port: number): Promise<PortOwner | undefined> {
  const tables = await Promise.all(TABLES.map((path) => readFile(path, 'utf8').catch(() => '')));
  const sockets = new Set(tables.flatMap((text) => socketsOn(port, text)));
  if (sockets.size === 0) return undefined;
  const names = await readdir('/proc').catch(() => []);
  for (const name of names.filter((entry) => /^\d+$/.test(entry))) {
    if (!(await holdsOne(name, sockets))) continue;
    const program = await readFile(`/proc/${name}/comm`, 'utf8').catch(() => '');
    return { processId: Number(name), program: program.trim() };
  }
  return undefined;
}

/** The sockets that listen on a port, as links of file descriptors name them. */
function socketsOn(port: number, table: string): string[] {
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table.split('\n').flatMap((line) => {
    const [, local = '', , state, ...rest] = line.trim().split(/\s+/);
    const inode = rest[5];
    return local.endsWith(end) && state === LISTENING && inode ? [`socket:[${inode}]`] : [];
  });
}

async function holdsOne(processId: string, sockets: ReadonlySet<string>): Promise<boolean> {
  const folder = `/proc/${processId}/fd`;
  const descriptors = await readdir(folder).catch(() => []);
  const links = await Promise.all(descriptors.map((name) => readlink(`${folder}/${name}`).catch(() => '')));
  return links.some((link) => sockets.has(link));
}
