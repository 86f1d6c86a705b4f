import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { LimitedServer } from '../support/limited-server.js';
import { until } from '../support/processes.js';
import { Wire } from '../support/wire.js';
import { shellWorkflow } from '../e2e/agent-support/agent-fixture.js';

const STALL_MS = 1000;
const LIMITS = { headersMs: 2000, bodyMs: 2000, stallMs: STALL_MS, connectionCheckMs: 50 };
const SIZE = 24 * 1024 * 1024;
const MIB = 1024 * 1024;

let server: LimitedServer;
let workflows: string;

beforeAll(async () => {
  workflows = await mkdtemp(join(tmpdir(), 'cyberun-workflows-'));
  await writeFile(
    join(workflows, 'large.yaml'),
    shellWorkflow('large', `head -c ${SIZE} /dev/zero > output/large.bin`),
  );
  server = await LimitedServer.start('all', LIMITS, { CYBERUN_WORKFLOWS_DIR: workflows });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(workflows, { recursive: true });
});

async function call<Body>(path: string, body?: object): Promise<Body> {
  const response = await fetch(server.process.api + path, {
    method: body ? 'POST' : 'GET',
    headers: { Authorization: `Bearer ${server.process.key}`, 'Content-Type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  return (await response.json()) as Body;
}

interface Presigned {
  readonly upload_url: string;
  readonly upload_headers: Record<string, string>;
}

it('an upload with long pauses may take longer than any limit', async () => {
  const { upload_url, upload_headers } = await call<Presigned>('/r/files/presign', {
    file_name: 'slow.bin',
    file_size: 3,
    content_type: 'application/octet-stream',
  });
  const upload = request(upload_url, { method: 'PUT', headers: upload_headers });
  const answered = once(upload, 'response');
  for (const piece of ['a', 'b', 'c']) {
    upload.write(piece);
    await delay(1.5 * STALL_MS);
  }
  upload.end();
  const [{ statusCode }] = (await answered) as [{ statusCode: number }];
  expect(statusCode).toBe(200);
});

it('a client may read a download with long pauses', async () => {
  const { task_id } = await call<{ task_id: string }>('/r/workflows/slug/large/run', {});
  await until(async () => {
    const { task_status } = await call<{ task_status: string }>(`/r/tasks/${task_id}`);
    return task_status === 'completed';
  });
  const { download_urls } = await call<{ download_urls: Record<string, string> }>(
    `/r/tasks/${task_id}/result`,
  );
  const [url = ''] = Object.values(download_urls);
  const response = await fetch(url);
  let size = 0;
  let sinceRest = 0;
  for await (const chunk of response.body ?? []) {
    const { length } = chunk as Uint8Array;
    size += length;
    sinceRest += length;
    if (sinceRest < 4 * MIB) continue;
    sinceRest = 0;
    await delay(STALL_MS / 2);
  }
  expect(size).toBe(SIZE);
});

it('the connection of an idle agent stays open', async () => {
  const connections = (): number =>
    server.process.log.filter((line) => line.includes('has connected')).length;
  await until(() => Promise.resolve(connections() === 1));
  await delay(2 * STALL_MS);
  expect(connections()).toBe(1);
  expect((await call<{ agent_list: object[] }>('/r/agents')).agent_list).toHaveLength(1);
});

it('a server with both APIs answers invalid HTTP as JSON-RPC and in the form of the Runtime API', async () => {
  using wire = await Wire.to(server.endpoint);
  const { status, json } = await wire.say('nonsense\r\n\r\n').lastAnswer();
  expect(status).toBe(400);
  expect(json).toEqual({
    jsonrpc: '2.0',
    error: { code: -32000, message: expect.any(String) },
    id: null,
    error_message: expect.stringMatching(/HTTP/),
  });
});
