import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import { expect, it } from 'vitest';

import { LIMITS } from '../../src/config/index.js';
import { friendlyRuntime } from '../support/every-tool.js';
import type { MockRuntime } from '../support/mock-runtime.js';
import { ServerProcess } from '../support/server.js';
import { head, Wire } from '../support/wire.js';

const PATH = '/api/v1/mcp';
const { closeMs } = LIMITS;

const mcp = (runtime: MockRuntime): Promise<ServerProcess> =>
  ServerProcess.start({ CYBERUN_RUNTIME_URL: runtime.url }, ['--role', 'mcp']);

/** Milliseconds until the process has ended in order. */
async function ended(server: ServerProcess): Promise<number> {
  const before = performance.now();
  expect(await server.end()).toBe(0);
  return performance.now() - before;
}

/** A connection the server has noticed: connections are taken in the order they come. */
async function connected(server: ServerProcess, said: string): Promise<Wire> {
  const wire = await Wire.to(server.endpoint);
  wire.say(said);
  await (await fetch(new URL('/health/live', server.endpoint))).text();
  return wire;
}

it('connections without a request do not delay a shutdown', async () => {
  await using runtime = await friendlyRuntime();
  await using server = await mcp(runtime);
  using _silent = await connected(server, '');
  using _half = await connected(server, head('POST', PATH));
  using _answered = await connected(server, `${head('GET', '/health/live')}\r\n`);

  expect(await ended(server)).toBeLessThan(closeMs);
});

it('an incomplete request delays a shutdown for the grace period only', async () => {
  await using runtime = await friendlyRuntime();
  await using server = await mcp(runtime);
  const headers = {
    Authorization: 'Bearer sk-end-0123456789',
    Accept: 'application/json, text/event-stream',
    'Content-Type': 'application/json',
    'Content-Length': '100',
  };
  using _half = await connected(server, `${head('POST', PATH, headers)}\r\n{`);

  const took = await ended(server);

  expect(took).toBeGreaterThan(closeMs - 100);
  expect(took).toBeLessThan(closeMs + 10_000);
});

interface Presigned {
  readonly upload_url: string;
  readonly upload_headers: Record<string, string>;
}

it('a shutdown lets requests in progress finish and then closes their connections at once', async () => {
  await using server = await ServerProcess.start();
  const presigned = await fetch(`${server.api}/r/files/presign`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${server.key}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ file_name: 'a.txt', file_size: 2, content_type: 'text/plain' }),
  });
  const { upload_url, upload_headers } = (await presigned.json()) as Presigned;
  const upload = request(upload_url, {
    method: 'PUT',
    headers: upload_headers,
  });
  const answered = once(upload, 'response');
  upload.write('a');
  await (await fetch(new URL('/health/live', server.endpoint))).text();

  const before = performance.now();
  const end = ended(server);
  await delay(300);
  upload.end('b');

  const [response] = (await answered) as [IncomingMessage];
  expect(response.statusCode).toBe(200);
  await once(response.resume().socket, 'close');
  expect(performance.now() - before).toBeLessThan(closeMs);
  await end;
});
