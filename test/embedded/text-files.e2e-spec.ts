import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, echoWorkflow, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { CLIENTS, type StoryClient } from '../support/clients.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';

let server: RuntimeServer;
let agent: TestAgent;
let application: McpApplication;
beforeAll(async () => {
  const read = echoWorkflow('read', {
    properties: '        input: { type: string, format: file, contentMediaType: text/* }',
  }).replace('echo "$1"', 'cat input/*');
  server = await RuntimeServer.start({ 'read.yaml': read }, { env: { CYBERUN_TEAM_FILES_BYTES: '150000' } });
  agent = await TestAgent.start(server);
  application = await startMcp(`${server.origin}/api/v1`);
});
afterAll(async () => {
  await application[Symbol.asyncDispose]();
  await agent[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const store = (content_text: string, more: object = {}) =>
  server.call('POST', '/r/files', {
    file_name: 'a.txt',
    content_type: 'text/plain',
    content_text,
    ...more,
  });

it('a text is stored up to 100,000 bytes and within the bytes of its team, and refused with a sentence above', async () => {
  const tooLong = await store('ä'.repeat(50_001));
  expect(tooLong).toMatchObject({
    status: 413,
    body: { error_message: expect.stringContaining('content_text has 100002 bytes, and at most 100000') },
  });
  const half = await store('\ud800');
  expect([half.status, half.body.error_message]).toEqual([400, expect.stringContaining('surrogate')]);
  // Each character has six bytes as JSON.
  const longest = await store('\u0001'.repeat(100_000));
  expect([longest.status, longest.body.file_size]).toEqual([201, 100_000]);
  const full = await store('x'.repeat(60_000));
  expect([full.status, full.body.error_message]).toEqual([
    429,
    expect.stringContaining('no room for 60000 more'),
  ]);
});

describe.each(CLIENTS)('presign_file_upload with $name', ({ connect }) => {
  let client: StoryClient;
  beforeAll(async () => {
    client = await connect({ endpoint: application.endpoint, key: BOOTSTRAP_KEY });
    await client.listTools();
  });
  afterAll(() => client[Symbol.asyncDispose]());

  const presign = (body: object) => client.call('presign_file_upload', { body });
  const named = { file_name: 'notes.md', content_type: 'text/markdown' };

  it('a client without a shell stores a text and runs a workflow with it', async () => {
    const stored = await presign({ ...named, content_text: 'häuser\n' });
    expect(stored.structuredContent).toEqual({
      file_key: expect.stringMatching(/^inputs\//),
      file_size: 8,
      note: expect.stringContaining('nothing to upload'),
    });
    const input = stored.structuredContent?.['file_key'];
    const body = { text: 'x', input };
    const run = await client.call('run_workflow_by_slug', { workflow_slug: 'read', body, wait_seconds: 45 });
    expect(run.structuredContent).toMatchObject({ task_status: 'completed', task_log: expect.any(String) });
    expect(run.structuredContent?.['task_log']).toContain('häuser');
  });

  it('a client that gives neither size nor text, or too long a text, gets an error that says what to give', async () => {
    const neither = await presign(named);
    expect(neither).toMatchObject({
      isError: true,
      structuredContent: { error_message: expect.stringContaining('body.file_size: required') },
    });
    const long = await presign({ ...named, content_text: 'x'.repeat(100_001) });
    expect(long).toMatchObject({
      isError: true,
      structuredContent: { error_message: expect.stringContaining('must have at most 100000 bytes') },
    });
  });
});
