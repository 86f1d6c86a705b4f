import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';

import { until } from '../support/processes.js';
import { keysOf } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, echoWorkflow } from '../e2e/runtime-support/runtime-fixture.js';
import { answering, ServiceServer } from '../e2e/service-support/service-fixture.js';

const CALLS = '/api/v1/r/containers';

let services: ServiceServer;

beforeAll(async () => {
  services = await ServiceServer.start();
  // No agent takes it, so its stream of events stays open.
  const { server } = services;
  await writeFile(join(server.folder, 'gpu.yaml'), echoWorkflow('gpu', { labels: 'gpu' }));
  await until(async () => (await server.get('/r/workflows/slug/gpu')).status === 200);
});
afterAll(() => services[Symbol.asyncDispose]());

const get = (path: string, key: string): Promise<Response> =>
  fetch(services.server.origin + path, { headers: { authorization: `Bearer ${key}` } });
const dial = (key: string): WebSocket =>
  new WebSocket(`${services.server.origin.replace('http', 'ws')}${CALLS}/odd/room`, {
    headers: { authorization: `Bearer ${key}` },
  });

it('event streams, followed logs, relayed answers and WebSockets end when their key is revoked, and those of other keys continue', async () => {
  const keys = keysOf(services.server);
  const made = await keys.create({ kind: 'integration', display_name: 'short' });
  const taskId = await services.server.submit('gpu');
  const unfinished = `${CALLS}/literal${answering(
    ['say', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'],
    ['wait', 600_000],
  )}`;
  const open = async (key: string) => {
    const events = await get(`/api/v1/r/tasks/${taskId}/events`, key);
    const log = await get(`/api/v1/r/tasks/${taskId}/logs?follow=true`, key);
    const relayed = await get(unfinished, key);
    const webSocket = dial(key);
    await once(webSocket, 'message');
    return { events, log, relayed, webSocket };
  };
  const theirs = await open(made.raw_key);
  const others = await open(BOOTSTRAP_KEY);
  expect([theirs.events.status, theirs.relayed.status]).toEqual([200, 200]);
  const closed = once(theirs.webSocket, 'close');

  await keys.revoke(made.id);
  await expect(theirs.events.text()).rejects.toThrow('terminated');
  await expect(theirs.log.text()).rejects.toThrow('terminated');
  await expect(theirs.relayed.text()).rejects.toThrow('terminated');
  expect((await closed)[0]).toBe(1006);

  others.webSocket.send('still here?');
  expect(String((await once(others.webSocket, 'message'))[0])).toBe('still here?');
  others.webSocket.terminate();
  await others.relayed.body?.cancel();
  await services.server.call('POST', `/r/tasks/${taskId}/cancel`);
  expect(await others.events.text()).toContain('event: cancelled');
  expect(await others.log.text()).toContain('"task_status":"cancelled"');
});
