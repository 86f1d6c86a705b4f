import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';

import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';

import { type AgentHello, GATEWAY_PATH } from '../../contract/index.js';
import { http2ServerOver } from '../../tunnel/index.js';
import { type PodConnection, PodGateway, type RunStanding } from './pod-gateway.js';
import { RunTokens } from './run-token.js';

const tokens = new RunTokens('ak-key-of-the-agent');
const standings: Record<string, RunStanding> = { ended: 'over' };
let gateway: PodGateway;

beforeAll(async () => {
  gateway = await PodGateway.listen({
    port: 0,
    tokens,
    standingOf: ({ task_id }) => standings[task_id] ?? 'unknown',
    connected: () => undefined,
  });
});
afterAll(() => gateway.close());

const run = (task_id: string) => ({ task_id, attempt: 1 });

it.each([
  ['is of another agent', new RunTokens('ak-other').of(run('ended')), 401, 'no token of a run'],
  ['is of a run that is over', tokens.of(run('ended')), 401, 'This run is over'],
  // 401 ends the agent in the pod; after 503 it dials again and reaches the process that knows its run.
  ['is of a run of another process', tokens.of(run('other')), 503, 'does not know the run'],
])('a pod whose token %s is refused with a reason', async (_whose, token, status, reason) => {
  const pod = new WebSocket(`ws://127.0.0.1:${gateway.port}${GATEWAY_PATH}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  pod.on('error', () => undefined);
  const [, response] = (await once(pod, 'unexpected-response')) as [unknown, IncomingMessage];
  expect(response.statusCode).toBe(status);
  expect(await json(response)).toEqual({ error_message: expect.stringContaining(reason) });
});

it('a run has two connections at most, and another one once the first has ended', async () => {
  const own = await PodGateway.listen({
    port: 0,
    tokens,
    standingOf: () => 'wanted',
    connected: () => undefined,
  });
  onTestFinished(() => own.close());
  const dial = (): WebSocket => {
    const pod = new WebSocket(`ws://127.0.0.1:${own.port}${GATEWAY_PATH}`, {
      headers: { authorization: `Bearer ${tokens.of(run('often'))}` },
    });
    pod.on('error', () => undefined);
    onTestFinished(() => pod.terminate());
    return pod;
  };
  const first = dial();
  const second = dial();
  await Promise.all([once(first, 'open'), once(second, 'open')]);
  const [, response] = (await once(dial(), 'unexpected-response')) as [unknown, IncomingMessage];
  expect(response.statusCode).toBe(503);
  expect(await json(response)).toEqual({ error_message: 'This run has too many connections already.' });
  first.terminate();
  await expect
    .poll(async () => {
      const next = dial();
      return Promise.race([
        once(next, 'open').then(() => 'open'),
        once(next, 'unexpected-response').then(() => 'refused'),
      ]);
    })
    .toBe('open');
});

it('a pod whose node is lost is disconnected, though its connection stays open', async () => {
  const connection = Promise.withResolvers<PodConnection>();
  const own = await PodGateway.listen({
    port: 0,
    tokens,
    standingOf: () => 'wanted',
    connected: (_run, pod) => connection.resolve(pod),
    ping: { everyMs: 100, unansweredAllowed: 2 },
  });
  onTestFinished(() => own.close());
  const pod = new WebSocket(`ws://127.0.0.1:${own.port}${GATEWAY_PATH}`, {
    headers: { authorization: `Bearer ${tokens.of(run('lost'))}` },
  });
  pod.on('error', () => undefined);
  onTestFinished(() => pod.terminate());
  const hello: AgentHello = {
    agent_id: 'pod',
    labels: [],
    slots: 1,
    version: '1',
    platform: 'linux/amd64',
    features: [],
    runs: [run('lost')],
    draining: false,
    hosts_services: true,
    gpus: [],
  };
  pod.once('open', () => {
    void http2ServerOver(pod, (stream) => {
      stream.respond({ ':status': 200 });
      stream.end(JSON.stringify(hello));
    });
  });
  const { session, hasRun } = await connection.promise;
  expect(hasRun).toBe(true);
  pod.pause();
  if (!session.destroyed) await once(session, 'close');
  expect(session.destroyed).toBe(true);
});
