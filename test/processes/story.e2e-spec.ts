import { createHash, randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { CLIENTS, type Progress, type StoryClient, type ToolResult } from '../support/clients.js';
import { ServerProcess } from '../support/server.js';
import { type EventRow, eventRowsOf } from '../support/task-events.js';

const TOOLS = [
  'call_container_service',
  'cancel_task',
  'get_container_service',
  'get_task',
  'get_task_result',
  'get_workflow',
  'get_workflow_by_slug',
  'list_agents',
  'list_container_services',
  'list_tasks',
  'list_workflows',
  'presign_file_upload',
  'run_workflow',
  'run_workflow_by_slug',
  'stream_task_events',
];
/** Those whose tools are printed. */
const TOOLSETS = 'logs,files';
/** The fifteen and every other one with a printed promise: a domain more is no reason to edit this file. */
const PROMISED = readdirSync(join(packagePaths.root, 'test/contract/tools'))
  .map((file) => file.replace('.json', ''))
  .toSorted();
const TWENTY_MB = 20 * 1024 * 1024;

let server: ServerProcess;
let workflows: string;
/** Progress as a client saw it, by task; compared with the database once the server is gone. */
const followed = new Map<string, Progress[]>();
const called = new Set<string>();

beforeAll(async () => {
  workflows = await mkdtemp(join(tmpdir(), 'cyberun-workflows-'));
  await cp(packagePaths.workflows, workflows, { recursive: true });
  await cp(join(packagePaths.root, 'test/fixtures/workflows'), workflows, { recursive: true });
  server = await ServerProcess.start({
    CYBERUN_WORKFLOWS_DIR: workflows,
    CYBERUN_MCP_TOOLSETS: TOOLSETS,
  });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(workflows, { recursive: true, force: true });
});

describe.each(CLIENTS)('with $name', ({ revision, connect }) => {
  let client: StoryClient;
  const call = async (name: string, args: object = {}, onprogress?: (progress: Progress) => void) => {
    called.add(name);
    return succeeded(await client.call(name, args, onprogress && { onprogress }));
  };
  const follow = async (taskId: string): Promise<Record<string, unknown>> => {
    const seen: Progress[] = [];
    followed.set(taskId, seen);
    return call('stream_task_events', { task_id: taskId }, (progress) => seen.push(progress));
  };

  beforeAll(async () => {
    const { endpoint, key } = server;
    client = await connect({ endpoint: `${endpoint}?toolsets=${TOOLSETS}`, key });
  });
  afterAll(() => client[Symbol.asyncDispose]());

  it('a client gets the revision it asked for and lists the documented tools, the fifteen among them', async () => {
    expect(client.revision).toBe(revision);
    expect((await client.listTools()).toSorted()).toEqual(PROMISED);
    expect(PROMISED).toEqual(expect.arrayContaining(TOOLS));
  });

  it('a client finds a workflow, by page, by slug and by id', async () => {
    const { workflow_list: list } = await call('list_workflows', { per_page: 100 });
    const found = (list as Record<string, unknown>[]).find(
      ({ workflow_slug }) => workflow_slug === 'text-statistics',
    );
    const bySlug = await call('get_workflow_by_slug', { workflow_slug: 'text-statistics' });
    const byId = await call('get_workflow', { workflow_id: found?.['id'] });
    expect(bySlug).toEqual(byId);
    expect(bySlug['parameters']).toContainEqual(expect.objectContaining({ type: 'file', required: true }));
  });

  it('a client uploads 20 MB, runs a workflow on it and gets it back intact', async () => {
    const bytes = randomBytes(TWENTY_MB);
    const file_key = await upload(call, 'random.bin', bytes);
    const { task_id } = await call('run_workflow_by_slug', {
      workflow_slug: 'copy-file',
      body: { parameters: { file: file_key } },
    });
    const task = await follow(String(task_id));
    expect(task).toMatchObject({ id: task_id, task_status: 'completed' });

    const { download_urls: links } = await call('get_task_result', { task_id });
    const [link = ''] = Object.values(links as Record<string, string>);
    const back = new Uint8Array(await (await fetch(link)).arrayBuffer());
    expect(digest(back)).toBe(digest(bytes));
  });

  it('a client runs by id with bare parameters and reads what came out', async () => {
    const { id } = await call('get_workflow_by_slug', { workflow_slug: 'text-statistics' });
    const file_key = await upload(call, 'story.txt', Buffer.from('One fish two fish. Red fish, blue fish.'));
    const { task_id } = await call('run_workflow', { workflow_id: id, body: { text: file_key } });
    await follow(String(task_id));
    const result = await client.call('get_task_result', { task_id });
    expect(result.structuredContent).toMatchObject({ task_status: 'completed', task_error: '' });
    expect(JSON.stringify(result.structuredContent?.['task_output'])).toContain('fish');
    expect(Object.keys(result.structuredContent?.['download_urls'] as object)).not.toHaveLength(0);
  });

  it('a client cancels a long run', async () => {
    const { task_id } = await call('run_workflow_by_slug', {
      workflow_slug: 'sleep',
      body: { seconds: 600 },
    });
    await call('cancel_task', { task_id });
    expect(await follow(String(task_id))).toMatchObject({ task_status: 'cancelled' });
    expect(await call('get_task', { task_id })).toMatchObject({ task_status: 'cancelled' });
    const { task_list } = await call('list_tasks', { status: 'cancelled' });
    expect(task_list).toContainEqual(expect.objectContaining({ id: task_id }));
  });

  it('a client sees the agent', async () => {
    const { agent_list } = await call('list_agents');
    expect(agent_list).toEqual([
      expect.objectContaining({ agent_labels: expect.arrayContaining(['local']) }),
    ]);
  });

  it('a client calls a service through the tunnel, with bytes that are no text', async () => {
    const { service_list } = await call('list_container_services');
    expect(service_list).toContainEqual(
      expect.objectContaining({ service_slug: 'notes', service_status: 'running' }),
    );
    const { url, ...described } = await call('get_container_service', { service_slug: 'notes' });
    expect(described).toMatchObject({
      openapi_url: expect.any(String),
      usage_prompt: expect.any(String),
    });
    const stored = async (size: number) => {
      const bytes = randomBytes(size);
      const path = `/attachments/${revision}-${randomBytes(4).toString('hex')}`;
      const service = { service_slug: 'notes', path };
      const put = await call('call_container_service', {
        ...service,
        method: 'PUT',
        body_base64: bytes.toString('base64'),
        headers: { 'Content-Type': 'application/octet-stream' },
      });
      expect(put['status_code']).toBeLessThan(300);
      const got = await call('call_container_service', { ...service, method: 'GET' });
      return { bytes, got, address: `${String(url).replace(/\/$/, '')}${path}` };
    };
    const small = await stored(10_000);
    expect(digest(Buffer.from(String(small.got['body_base64']), 'base64'))).toBe(digest(small.bytes));
    // Too large for a model: a link opens it without the key, and its address with it.
    const large = await stored(100_000);
    expect(large.got).not.toHaveProperty('body_base64');
    const { url: link } = large.got['body_link'] as { url: string };
    const byAddress = await fetch(large.address, { headers: { authorization: `Bearer ${server.key}` } });
    for (const answer of [await fetch(link), byAddress])
      expect(digest(Buffer.from(await answer.arrayBuffer()))).toBe(digest(large.bytes));
  });
});

describe('afterwards', () => {
  let rows: Map<string, EventRow[]>;

  beforeAll(async () => {
    expect(await server.end()).toBe(0);
    rows = await eventRowsOf(server.dataDir);
  });

  it('the story has called every tool', () => expect([...called].toSorted()).toEqual(TOOLS));

  it('the clients received one progress notification for each event in the database', () => {
    expect(followed.size).toBe(CLIENTS.length * 3);
    for (const [taskId, seen] of followed) {
      const stored = rows.get(taskId) ?? [];
      expect(stored.map(({ sequence }) => sequence)).toEqual(stored.map((_row, index) => index + 1));
      expect(seen.map(({ message }) => message)).toEqual(stored.map(saysTheSame));
      expect(seen.map(({ progress }) => progress)).toEqual(
        [...new Set(seen.map(({ progress }) => progress))].toSorted((a, b) => a - b),
      );
      expect(seen.at(-1)).toMatchObject({ progress: 1, total: 1 });
    }
  });
});

/** A message for people has the state, and the step where there is one. */
function saysTheSame({ event, data }: EventRow): unknown {
  if (event !== 'progress') return expect.stringContaining(String(data['status'] ?? event));
  return expect.stringContaining(
    data['step_total'] === undefined
      ? 'running'
      : `${String(data['step_current'])}/${String(data['step_total'])}`,
  );
}

function succeeded({ isError, structuredContent }: ToolResult): Record<string, unknown> {
  expect(isError, JSON.stringify(structuredContent)).toBeFalsy();
  return structuredContent ?? {};
}

const TYPES: Readonly<Record<string, string>> = { '.txt': 'text/plain', '.bin': 'application/octet-stream' };

async function upload(
  call: (name: string, args: object) => Promise<Record<string, unknown>>,
  fileName: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<unknown> {
  const { file_key, upload_url, upload_headers } = await call('presign_file_upload', {
    body: { file_name: fileName, file_size: bytes.length, content_type: TYPES[extname(fileName)] },
  });
  const put = await fetch(String(upload_url), {
    method: 'PUT',
    headers: upload_headers as Record<string, string>,
    body: bytes,
  });
  expect(put.status).toBe(200);
  return file_key;
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
