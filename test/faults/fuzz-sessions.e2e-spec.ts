import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { printCounts, trials } from './fuzz/seed.js';
import { expectAsModelled, RealSessions, sessionCommands, SessionModel } from './fuzz/session-commands.js';
import { FuzzTarget } from './fuzz/target.js';

const SEQUENCES = 120;
const LONGEST = 40;

let target: FuzzTarget;

beforeAll(async () => {
  target = await FuzzTarget.start();
});
afterAll(() => target[Symbol.asyncDispose]());

it('after any commands in any order each session is in the expected state', async () => {
  const counts = { sequences: 0, sessions: 0 };
  const { seed, numRuns } = trials(SEQUENCES);
  const sequences = fc.commands(sessionCommands, { maxCommands: LONGEST, size: '+1' });
  const property = fc.asyncProperty(sequences, async (commands) => {
    const [model, real] = [new SessionModel(), new RealSessions(target)];
    await fc.asyncModelRun(() => ({ model, real }), commands);
    await expectAsModelled(model, real);
    counts.sequences += 1;
    counts.sessions += model.sessions.length;
  });
  await fc.assert(property, { seed, numRuns });

  expect(target.failures).toEqual([]);
  printCounts('odd sequences', { ...counts, requests: target.requests });
});
