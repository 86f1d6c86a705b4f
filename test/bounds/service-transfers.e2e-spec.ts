import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { type IncomingMessage } from 'node:http';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { bulkServiceFolder, BulkService, bytes, growthDuring, hashOf, MIB } from '../support/bulk-service.js';
import { until } from '../support/processes.js';
import { ServerProcess } from '../support/server.js';

/** `TRANSFER_MIB=1024` for a whole GiB. */
const SIZE = Number(process.env['TRANSFER_MIB'] ?? 256) * MIB;
const SLOW_READERS = 100;
/** What server and agent may take for one transfer, of any size, and for all slow readers together. */
const ONE_TRANSFER_MIB = 160;
const SLOW_READERS_MIB = 320;
const CALLS = 60;
const ROUNDS = 3;

const expected = hashOf(bytes(SIZE));
let folder: string;
let server: ServerProcess;
let service: BulkService;
beforeAll(async () => {
  folder = await bulkServiceFolder();
  server = await ServerProcess.start({ CYBERUN_SERVICES_DIR: folder });
  service = new BulkService(server);
  await until(() => service.isRunning());
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const agentPid = (): number =>
  Number(
    execFileSync('pgrep', ['-P', String(server.child.pid)], { encoding: 'utf8' })
      .trim()
      .split('\n')[0],
  );

const pids = (): { server: number; agent: number } => ({ server: server.child.pid ?? 0, agent: agentPid() });

it('a large answer of a service arrives unchanged, and takes the same memory as a smaller one', async () => {
  const begun = performance.now();
  let received = '';
  const growth = await growthDuring(pids(), async () => {
    received = await hashOf(await service.get(`/bytes/${SIZE}`));
  });
  console.log(`down: ${SIZE / MIB} MiB in ${Math.round(performance.now() - begun)} ms`);
  expect(received).toBe(await expected);
  expect(growth.server).toBeLessThan(ONE_TRANSFER_MIB);
  expect(growth.agent).toBeLessThan(ONE_TRANSFER_MIB);
});

it('a large body reaches a service unchanged, and takes the same memory as a smaller one', async () => {
  const begun = performance.now();
  let answer = {};
  const growth = await growthDuring(pids(), async () => {
    answer = await service.upload(SIZE);
  });
  console.log(`up: ${SIZE / MIB} MiB in ${Math.round(performance.now() - begun)} ms`);
  expect(answer).toEqual({ total: SIZE, hash: await expected });
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
    const answer = await service.get('/small');
    for await (const _chunk of answer);
  }
  return performance.now() - begun;
}

it('a hundred callers that do not read their answers slow down neither calls nor a large answer', async () => {
  await timeOfCalls();
  const alone = await timeOfCalls();
  const readers: IncomingMessage[] = [];
  let among = 0;
  const growth = await growthDuring(pids(), async () => {
    for (let reader = 0; reader < SLOW_READERS; reader += 1)
      readers.push(await service.get(`/bytes/${SIZE}`));
    for (const reader of readers) reader.on('error', () => undefined);
    among = await timeOfCalls();
    expect(await hashOf(await service.get(`/bytes/${32 * MIB}`))).toBe(await hashOf(bytes(32 * MIB)));
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
  const download = await service.get(`/bytes/${SIZE}`);
  const broken = once(download, 'error');
  const upload = service.send('/hash', 'POST', { 'content-length': String(SIZE) });
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
  await until(() => service.isRunning());
  expect(server.child.exitCode).toBe(null);
  expect(server.log.filter((line) => line.includes('"level":"error"'))).toEqual([]);
});
