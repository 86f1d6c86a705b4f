import { Logger } from '@nestjs/common';
import { expect, it } from 'vitest';

import { Gateway, next, order } from '../../test/support/agent-gateway.js';
import { writeLine } from '../tunnel/index.js';

Logger.overrideLogger(false);

const only = { task_id: 't', attempt: 2 };
const terms = { hold_seconds: 60 };

it('an agent for one run takes its order once, and ends when the runtime has the report', async () => {
  await using gateway = await Gateway.withAgent(undefined, only);
  const { session } = await gateway.connected();
  for (const other of [{ attempt: 1 }, { attempt: 3 }, { task_id: 'u', attempt: 2 }])
    expect(await next(await order(session, 'echo no', other, terms))).toEqual({ type: 'returned' });
  const run = await order(session, 'echo yes', only, terms);
  expect(await next(run)).toEqual({ type: 'started' });
  expect(await next(await order(session, 'echo again', only, terms))).toEqual({ type: 'returned' });
  expect(await next(run)).toMatchObject({ type: 'completed' });
  void writeLine(run.stream, { type: 'settled' });
  expect(await gateway.agent).toBe(0);
});

it('an agent for one run ends with another exit code when the run is cancelled', async () => {
  await using gateway = await Gateway.withAgent(undefined, only);
  const { session } = await gateway.connected();
  const run = await order(session, 'sleep 600', only, terms);
  expect(await next(run)).toEqual({ type: 'started' });
  void writeLine(run.stream, { type: 'cancel' });
  expect(await gateway.agent).toBe(75);
});

it('an agent for one run that is ended by SIGTERM reports nothing, and its run has ended', async () => {
  await using gateway = await Gateway.withAgent(undefined, only);
  const { session } = await gateway.connected();
  const run = await order(session, 'sleep 600', only, terms);
  expect(await next(run)).toEqual({ type: 'started' });
  gateway.drain.abort();
  expect(await gateway.agent).toBe(143);
  expect(await next(run).catch(() => undefined)).toBeUndefined();
  expect(gateway.left('runs')).toEqual([]);
});
