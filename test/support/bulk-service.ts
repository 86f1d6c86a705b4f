import { createCipheriv, createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';

export const MIB = 1024 * 1024;

/** GET /bytes/N answers with N bytes, POST /hash with size and hash of what it got, and GET /small at once. */
const SERVICE = `
import { createCipheriv, createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { pipeline } from 'node:stream';
import { Readable } from 'node:stream';
function* bytes(size) {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
  for (let left = size; left > 0; left -= 65536) yield cipher.update(Buffer.alloc(Math.min(left, 65536)));
}
createServer(async (request, response) => {
  const [, what, size] = request.url.split('/');
  if (what === 'bytes') return pipeline(Readable.from(bytes(Number(size)), { objectMode: false }), response, () => {});
  if (what !== 'hash') return response.end('ok');
  const hash = createHash('sha256');
  let total = 0;
  request.on('error', () => {});
  for await (const chunk of request) {
    hash.update(chunk);
    total += chunk.length;
  }
  response.end(JSON.stringify({ total, hash: hash.digest('hex') }));
}).listen(process.env.PORT, '127.0.0.1');
process.on('uncaughtException', () => {});
process.on('unhandledRejection', () => {});
`;
const DEFINITION = `slug: bulk
display_name: Bulk
command: [node, bulk/server.mjs]
health_path: /
`;

/** A folder with the definition of a service that sends and takes any number of bytes. */
export async function bulkServiceFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cyberun-services-'));
  await mkdir(join(folder, 'bulk'));
  await writeFile(join(folder, 'bulk/server.mjs'), SERVICE);
  await writeFile(join(folder, 'bulk.yaml'), DEFINITION);
  return folder;
}

/** The bytes that the service sends: the same each time, and without repetition. */
export function* bytes(size: number): Generator<Buffer> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
  for (let left = size; left > 0; left -= 65_536) yield cipher.update(Buffer.alloc(Math.min(left, 65_536)));
}

export async function hashOf(body: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of body) hash.update(chunk);
  return hash.digest('hex');
}

/** Calls of the service through one server. */
export class BulkService {
  /** @param at where it is called: the Runtime API of a server, and a key. */
  constructor(private readonly at: { readonly api: string; readonly key: string }) {}

  /** Begins a call; the caller sends the body. */
  send(path: string, method = 'GET', headers: Record<string, string> = {}): ClientRequest {
    return request(`${this.at.api}/r/containers/bulk${path}`, {
      method,
      agent: false,
      headers: { authorization: `Bearer ${this.at.key}`, ...headers },
    });
  }

  async get(path: string): Promise<IncomingMessage> {
    const sent = this.send(path);
    sent.end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    return answer;
  }

  /** Sends that many {@link bytes}; returns what the service has got. */
  async upload(size: number): Promise<{ total: number; hash: string }> {
    const sent = this.send('/hash', 'POST', { 'content-length': String(size) });
    Readable.from(bytes(size), { objectMode: false }).pipe(sent);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const text = (await response.setEncoding('utf8').toArray()).join('');
    return JSON.parse(text) as { total: number; hash: string };
  }

  async isRunning(): Promise<boolean> {
    const answer = await this.get('/small').catch(() => undefined);
    answer?.resume();
    return answer?.statusCode === 200;
  }
}

/** Memory of a process in MiB. */
const memoryOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

/** How much processes grow during some work, at their peaks, in MiB. */
export async function growthDuring<Name extends string>(
  pids: Record<Name, number>,
  work: () => Promise<unknown>,
): Promise<Record<Name, number>> {
  const read = (): Record<Name, number> => mapped(pids, memoryOf);
  const before = read();
  const peak = { ...before };
  const timer = setInterval(() => {
    for (const [name, now] of Object.entries(read()) as [Name, number][])
      peak[name] = Math.max(peak[name], now);
  }, 50);
  await work().finally(() => clearInterval(timer));
  console.log('MiB before, at the peak', JSON.stringify({ before, peak }));
  return mapped(peak, (mib, name) => mib - before[name]);
}

const mapped = <Name extends string>(
  record: Record<Name, number>,
  change: (value: number, name: Name) => number,
): Record<Name, number> =>
  Object.fromEntries(
    (Object.entries(record) as [Name, number][]).map(([name, value]) => [name, change(value, name)]),
  ) as Record<Name, number>;
