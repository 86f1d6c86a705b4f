import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { until } from '../support/processes.js';
import { KEY, Storm } from './storm.js';

const REPLICAS = 2;

/** A service that writes the id of each process to a file. */
const program = (trace: string): string => `
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
appendFileSync('${trace}', process.pid + '\\n');
createServer((request, response) => response.end(String(process.pid))).listen(process.env.PORT, '127.0.0.1');
`;
const DEFINITION = `slug: pids
command: [node, pids.mjs]
replica_count: ${REPLICAS}
required_labels: [storm]
`;

const at = (origin: string, path: string): Promise<Response> =>
  fetch(`${origin}/api/v1/r/containers/pids${path}`, { headers: { authorization: `Bearer ${KEY}` } });

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it('services of a node that is killed go on at the other one, and never run more often than wanted', async () => {
  const traces = await mkdtemp(join(tmpdir(), 'cyberun-pids-'));
  const trace = join(traces, 'pids.txt');
  await using storm = await Storm.start({ 'pids.yaml': DEFINITION, 'pids.mjs': program(trace) });
  const instances = async (): Promise<number[]> =>
    (await readFile(trace, 'utf8').catch(() => '')).trim().split('\n').map(Number).filter(isAlive);
  let most = 0;
  /** Every node shows both replicas as running, and a call at each of them succeeds. */
  const serve = async (): Promise<boolean> => {
    most = Math.max(most, (await instances()).length);
    for (const origin of storm.origins) {
      const { running_replicas } = (await (await at(origin, '')).json()) as { running_replicas: number };
      if (running_replicas !== REPLICAS) return false;
      if ((await at(origin, '/')).status !== 200) return false;
    }
    return true;
  };
  await until(serve);
  const before = new Set(await instances());
  for (const node of storm.victims.filter(({ kind }) => kind === 'node')) {
    await node.kill();
    await until(async () => (await serve()) && (await instances()).length === REPLICAS);
  }
  const pids = new Set<string>();
  for (let calls = 0; calls < 2 * REPLICAS; calls += 1)
    pids.add(await (await at(storm.origins[calls % 2] ?? '', '/')).text());
  expect(new Set([...pids].map(Number))).toEqual(new Set(await instances()));
  expect((await instances()).some((pid) => !before.has(pid))).toBe(true);
  expect(most).toBeLessThanOrEqual(REPLICAS);
  await rm(traces, { recursive: true, force: true });
});
