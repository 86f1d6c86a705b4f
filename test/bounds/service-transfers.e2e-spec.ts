import { execFileSync } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { until } from '../support/processes.js';
import { ServerProcess } from '../support/server.js';

const MIB = 1024 * 1024;
/** `TRANSFER_MIB=1024` for a whole GiB. */
const SIZE = Number(process.env['TRANSFER_MIB'] ?? 256) * MIB;
const SLOW_READERS = 100;
/** What server and agent may take for one transfer, of any size, and for all slow readers together. */
const ONE_TRANSFER_MIB = 160;
const SLOW_READERS_MIB = 320;
const CALLS = 60;
const ROUNDS = 3;

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

function* bytes(size: number): Generator<Buffer> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
  for (let left = size; left > 0; left -= 65_536) yield cipher.update(Buffer.alloc(Math.min(left, 65_536)));
}

const expected = hashOf(bytes(SIZE));
let folder: string;
let server: ServerProcess;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-services-'));
  await mkdir(join(folder, 'bulk'));
  await writeFile(join(folder, 'bulk/server.mjs'), SERVICE);
  await writeFile(join(folder, 'bulk.yaml'), DEFINITION);
  server = await ServerProcess.start({ CYBERUN_SERVICES_DIR: folder });
  await until(() => isRunning());
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const send = (path: string, method = 'GET', headers: Record<string, string> = {}) =>
  request(`${server.api}/r/containers/bulk${path}`, {
    method,
    agent: false,
    headers: { authorization: `Bearer ${server.key}`, ...headers },
  });

async function answerTo(path: string): Promise<IncomingMessage> {
  const sent = send(path);
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return answer;
}

async function isRunning(): Promise<boolean> {
  const answer = await answerTo('/small').catch(() => undefined);
  answer?.resume();
  return answer?.statusCode === 200;
}

const agentPid = (): number =>
  Number(
    execFileSync('pgrep', ['-P', String(server.child.pid)], { encoding: 'utf8' })
      .trim()
      .split('\n')[0],
  );

/** Memory of a process in MiB. */
const memoryOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

/** How much server and agent grow during some work, at their peaks, in MiB. */
async function growthDuring(work: () => Promise<unknown>): Promise<{ server: number; agent: number }> {
  const pids = { server: server.child.pid ?? 0, agent: agentPid() };
  const read = () => ({ server: memoryOf(pids.server), agent: memoryOf(pids.agent) });
  const before = read();
  const peak = { ...before };
  const timer = setInterval(() => {
    const now = read();
    peak.server = Math.max(peak.server, now.server);
    peak.agent = Math.max(peak.agent, now.agent);
  }, 50);
  await work().finally(() => clearInterval(timer));
  const growth = { server: peak.server - before.server, agent: peak.agent - before.agent };
  console.log('MiB before, at the peak', JSON.stringify({ before, peak }));
  return growth;
}

async function hashOf(body: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of body) hash.update(chunk);
  return hash.digest('hex');
}

it('a large answer of a service arrives unchanged, and takes the same memory as a smaller one', async () => {
  const begun = performance.now();
  let received = '';
  const growth = await growthDuring(async () => {
    received = await hashOf(await answerTo(`/bytes/${SIZE}`));
  });
  console.log(`down: ${SIZE / MIB} MiB in ${Math.round(performance.now() - begun)} ms`);
  expect(received).toBe(await expected);
  expect(growth.server).toBeLessThan(ONE_TRANSFER_MIB);
  expect(growth.agent).toBeLessThan(ONE_TRANSFER_MIB);
});

it('a large body reaches a service unchanged, and takes the same memory as a smaller one', async () => {
  const begun = performance.now();
  let answer = '';
  const growth = await growthDuring(async () => {
    const sent = send('/hash', 'POST', { 'content-length': String(SIZE) });
    Readable.from(bytes(SIZE), { objectMode: false }).pipe(sent);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    for await (const chunk of response) answer += String(chunk);
  });
  console.log(`up: ${SIZE / MIB} MiB in ${Math.round(performance.now() - begun)} ms`);
  expect(JSON.parse(answer)).toEqual({ total: SIZE, hash: await expected });
  expect(growth.server).toBeLessThan(ONE_TRANSFER_MIB);
  expect(growth.agent).toBeLessThan(ONE_TRANSFER_MIB);
});

/** Milliseconds of calls one after the other: of the fastest of some rounds, as other programs use the machine, too. */
async function timeOfCalls(): Promise<number> {
  let fastest = Infinity;
  for (let round = 0; round < ROUNDS; round += 1) fastest = Math.min(fastest, await timeOfRound());
  return fastest;
}

async function timeOfRound(): Promise<number> {
  const begun = performance.now();
  for (let call = 0; call < CALLS; call += 1) {
    const answer = await answerTo('/small');
    for await (const _chunk of answer);
  }
  return performance.now() - begun;
}

it('a hundred callers that do not read their answers slow down neither calls nor a large answer', async () => {
  await timeOfCalls();
  const alone = await timeOfCalls();
  const readers: IncomingMessage[] = [];
  let among = 0;
  const growth = await growthDuring(async () => {
    for (let reader = 0; reader < SLOW_READERS; reader += 1) readers.push(await answerTo(`/bytes/${SIZE}`));
    for (const reader of readers) reader.on('error', () => undefined);
    among = await timeOfCalls();
    expect(await hashOf(await answerTo(`/bytes/${32 * MIB}`))).toBe(await hashOf(bytes(32 * MIB)));
  });
  for (const reader of readers) reader.destroy();
  console.log(
    `${CALLS} calls: alone ${Math.round(alone)} ms, among slow readers ${Math.round(among)} ms`,
    growth,
  );
  expect(among / alone).toBeLessThan(3);
  expect(growth.server).toBeLessThan(SLOW_READERS_MIB);
  expect(growth.agent).toBeLessThan(SLOW_READERS_MIB);
});

it('when the agent is killed, an upload gets 502, a download breaks off, and the server and a new agent go on', async () => {
  const download = await answerTo(`/bytes/${SIZE}`);
  const broken = once(download, 'error');
  const upload = send('/hash', 'POST', { 'content-length': String(SIZE) });
  upload.on('error', () => undefined);
  const answered = once(upload, 'response') as Promise<[IncomingMessage]>;
  upload.write(Buffer.alloc(MIB));
  process.kill(agentPid(), 'SIGKILL');
  const [answer] = await answered;
  expect(answer.statusCode).toBe(502);
  const text = (await answer.setEncoding('utf8').toArray()).join('');
  expect(JSON.parse(text)).toEqual({
    error_message: expect.stringContaining('The call may have taken effect'),
  });
  download.resume();
  await broken;
  expect(download.complete).toBe(false);
  await until(() => isRunning());
  expect(server.child.exitCode).toBe(null);
  expect(server.log.filter((line) => line.includes('"level":"error"'))).toEqual([]);
});
