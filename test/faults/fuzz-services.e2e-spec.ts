import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { answering, definitionOf, ServiceServer, type Step } from '../e2e/service-support/service-fixture.js';
import { oddAnswers } from './fuzz/odd-answers.js';
import { printCounts, trials } from './fuzz/seed.js';

/** Half a minute on two idle cores. */
const CASES = 4000;
const AT_ONCE = 16;
/** Ten thousand cases (FUZZ_RUNS) take minutes, and several times as long on a busy machine. */
const HOUR_MS = 3_600_000;
/** Only ends what hangs: no answer of a case takes longer than a pause of some milliseconds. */
const LIMIT_MS = 60_000;

/** How a call ended: by a status, or by a connection that was reset in the middle of the answer. */
async function outcomeOf(
  services: ServiceServer,
  steps: Step[],
  way: 'relayed' | 'invoked',
): Promise<number | 'reset'> {
  const path = answering(...steps);
  if (way === 'invoked') return (await services.invoke('literal', path)).status;
  const signal = AbortSignal.timeout(LIMIT_MS);
  try {
    const answer = await services.relayed('literal', path, { signal });
    await answer.arrayBuffer();
    return answer.status;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TypeError) return 'reset';
    throw error;
  }
}

it(
  'for every answer of a service its caller gets a status or a reset, and the agent and other services go on',
  async () => {
    await using services = await ServiceServer.start(
      { 'literal.yaml': definitionOf('literal', 'literal', 'request_timeout: 2s\n') },
      { CYBERUN_RUNTIME_TIMEOUT_MS: '4000' },
    );
    const before = await services.connectedAt();
    const pid = async (): Promise<unknown> =>
      ((await (await services.relayed('odd', '/')).json()) as { pid: number }).pid;
    const neighbour = await pid();
    const counts = { answers: 0, passed: 0, 'bad gateways': 0, resets: 0, others: 0 };
    const oneCase = fc.tuple(oddAnswers, fc.constantFrom('relayed' as const, 'invoked' as const));
    const batches = fc.array(oneCase, { minLength: AT_ONCE, maxLength: AT_ONCE });
    const { seed, numRuns } = trials(CASES);
    const property = fc.asyncProperty(batches, async (cases) => {
      const outcomes = await Promise.all(cases.map(([steps, way]) => outcomeOf(services, steps, way)));
      for (const outcome of outcomes) {
        counts.answers += 1;
        if (outcome === 'reset') counts.resets += 1;
        else if (outcome === 502) counts['bad gateways'] += 1;
        else if (outcome >= 200 && outcome < 500) counts.passed += 1;
        else counts.others += 1;
        expect(outcome === 'reset' || (outcome >= 200 && outcome <= 599)).toBe(true);
      }
      const other = await services.relayed('odd', '/');
      expect([other.status, await other.text()]).toEqual([200, expect.any(String)]);
    });
    await fc.assert(property, { seed, numRuns: Math.ceil(numRuns / AT_ONCE), endOnFailure: true });
    printCounts('answers of services', counts);
    expect(await services.connectedAt()).toBe(before);
    expect(await pid()).toBe(neighbour);
    expect(await services.status('literal')).toBe('running');
  },
  HOUR_MS,
);
