import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { type StoryClient, type ToolResult, validatingClient } from '../support/clients.js';
import { friendlyRuntime } from '../support/every-tool.js';
import { KEY } from '../support/mcp-app.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import type { MockRuntime } from '../support/mock-runtime.js';
import { resultSample, TASK_ID as task_id } from '../support/runtime-samples.js';

const LOG = 'GET /r/tasks/:id/logs';
const RESULT = 'GET /r/tasks/:id/result';

let runtime: MockRuntime;
let application: McpApplication;
let client: StoryClient;

beforeAll(async () => {
  runtime = await friendlyRuntime();
  application = await startMcp(runtime.url, {
    CYBERUN_MCP_TOOLSETS: 'logs',
    CYBERUN_MCP_REPLY_TOKENS: '1000',
  });
  client = await validatingClient({ endpoint: `${application.endpoint}?toolsets=logs`, key: KEY });
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await application[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await announce('task-logs');
});

const announce = async (features: string): Promise<void> => {
  const headers = { 'Cyberun-Features': features };
  runtime.on('GET /r/workflows', { json: { workflow_list: [] }, headers });
  runtime.on(RESULT, { json: resultSample, headers });
  await client.call('list_workflows', {});
  runtime.seen.length = 0;
};

interface Line {
  readonly stream?: string;
  readonly step?: string;
  readonly text: string;
}

/** The runtime answers with these lines, numbered from one. */
function keep(lines: readonly Line[], page_meta: object): void {
  const log_list = lines.map((line, index) => ({
    cursor: `1.${index + 1}`,
    attempt: 1,
    step: 'train',
    stream: 'stdout',
    timestamp: '2026-11-28T14:00:00.000Z',
    ...line,
  }));
  const headers = { 'Cyberun-Features': 'task-logs' };
  runtime.on(LOG, { json: { task_id, task_status: 'failed', log_list, page_meta }, headers });
}

const numbered = (count: number): Line[] =>
  Array.from({ length: count }, (_, index) => ({ text: `line ${index + 1} of a log that is rather long` }));
const textOf = ({ structuredContent }: ToolResult): string =>
  ((structuredContent?.['log'] ?? []) as { text: string }[]).map(({ text }) => text).join('\n');
const errorOf = ({ structuredContent }: ToolResult): unknown => structuredContent?.['error_message'];
const queries = (): object[] => runtime.requests(LOG).map(({ query }) => query);

it('get_task_log gives the last lines, those of one step and stream together', async () => {
  const meta = { next_cursor: '1.4', has_more: false };
  keep([{ text: 'a' }, { text: 'b' }, { text: 'oh', stream: 'stderr' }, { text: 'c', step: 'save' }], meta);
  const part = { attempt: 1, step: 'train', stream: 'stdout', since: '2026-11-28T14:00:00.000Z' };
  expect((await client.call('get_task_log', { task_id })).structuredContent).toEqual({
    untrusted: ['log[].text'],
    task_id,
    task_status: 'failed',
    log: [
      { ...part, text: 'a\nb' },
      { ...part, stream: 'stderr', text: 'oh' },
      { ...part, step: 'save', text: 'c' },
    ],
    ...meta,
  });
  await client.call('get_task_log', { task_id, tail: 7, contains: 'Error', stream: 'stderr' });
  expect(queries()).toEqual([{ tail: '100' }, { tail: '7', contains: 'Error', stream: 'stderr' }]);
});

it('get_task_log cuts a long tail at whole lines, from the front, and says how to read the rest', async () => {
  keep(numbered(200), { next_cursor: '1.200', has_more: false });
  const answer = await client.call('get_task_log', { task_id, tail: 200 });
  const shown = textOf(answer).split('\n');
  expect(shown.length).toBeGreaterThan(10);
  expect(shown).toEqual(
    numbered(200)
      .slice(-shown.length)
      .map(({ text }) => text),
  );
  expect(answer.structuredContent).toMatchObject({ next_cursor: '1.200', has_more: false });
  expect(answer.structuredContent?.['note']).toBe(
    `The first ${200 - shown.length} of these 200 lines are left out, since they are too long for one answer: search with contains, or read from the beginning with cursor "0.0".`,
  );
  expect(JSON.stringify(answer.structuredContent).length).toBeLessThan(2500);
});

it('get_task_log gives what follows a cursor, and a cut page continues at its last line', async () => {
  keep(numbered(200), { next_cursor: '1.200', has_more: false });
  const first = await client.call('get_task_log', { task_id, cursor: '0.0' });
  const count = textOf(first).split('\n').length;
  expect(first.structuredContent).toMatchObject({
    next_cursor: `1.${count}`,
    has_more: true,
    note: `More follows: call again with cursor "1.${count}".`,
  });
  keep([{ text: 'the end' }], { next_cursor: '1.201', has_more: false });
  const rest = await client.call('get_task_log', { task_id, cursor: `1.${count}` });
  expect(rest.structuredContent).toMatchObject({ next_cursor: '1.201', has_more: false });
  expect(rest.structuredContent).not.toHaveProperty('note');
  expect(queries()).toEqual([
    { cursor: '0.0', limit: '1000' },
    { cursor: `1.${count}`, limit: '1000' },
  ]);
});

it('get_task_log says that there are no lines', async () => {
  keep([], { next_cursor: null, has_more: false });
  for (const args of [{}, { cursor: '1.4', contains: 'x' }]) {
    expect((await client.call('get_task_log', { task_id, ...args })).structuredContent).toEqual({
      task_id,
      task_status: 'failed',
      log: [],
      next_cursor: null,
      has_more: false,
      note: 'There are no such lines: the task has ended without writing any.',
    });
  }
});

it('get_task_log cuts a single line that is longer than an answer', async () => {
  keep([{ text: 'x'.repeat(50_000) }, { text: 'short' }], { next_cursor: '1.2', has_more: false });
  const answer = await client.call('get_task_log', { task_id, cursor: '0.0' });
  expect(textOf(answer)).toMatch(/^x+… \[the first \d+ of 50000 characters of this line\]$/);
  expect(answer.structuredContent).toMatchObject({ next_cursor: '1.1', has_more: true });
});

it.each([
  [
    { tail: 5, cursor: '1.1' },
    'Invalid input. tail counts lines from the end, cursor continues after a line',
  ],
  [{ cursor: 'abc' }, 'cursor: must be a next_cursor of get_task_log, or 0.0 for the beginning'],
  [{ stream: 'log' }, 'stream'],
  [{ tail: 1001 }, 'tail'],
])('get_task_log refuses %j with a sentence', async (args, sentence) => {
  const answer = await client.call('get_task_log', { task_id, ...args });
  expect(answer.isError).toBe(true);
  expect(errorOf(answer)).toContain(sentence);
  expect(runtime.seen).toEqual([]);
});

it('get_task_result gives the end of the log with log_tail, and asks for none without', async () => {
  keep(numbered(200), { next_cursor: '1.200', has_more: false });
  const plain = await client.call('get_task_result', { task_id });
  expect(queries()).toEqual([]);
  const answer = await client.call('get_task_result', { task_id, log_tail: 200 });
  const log = String(answer.structuredContent?.['task_log']);
  expect(log).toMatch(/^\[\d+ earlier lines are left out: too long for one answer\]\n/);
  expect(log.endsWith('line 200 of a log that is rather long')).toBe(true);
  const { task_log: _log, untrusted, ...rest } = answer.structuredContent ?? {};
  expect(untrusted).toEqual(['task_output', 'task_log']);
  expect({ untrusted: ['task_output'], ...rest }).toEqual(plain.structuredContent);
  expect(queries()).toEqual([{ tail: '200' }]);
});

it('a Runtime API without logs is not asked for them, and the answer says so', async () => {
  await announce('task-filters');
  expect(errorOf(await client.call('get_task_log', { task_id }))).toMatch(
    /^This Runtime API keeps no logs that can be read here\. get_task_result has task_error/,
  );
  expect(errorOf(await client.call('get_task_result', { task_id, log_tail: 5 }))).toMatch(
    /^This Runtime API keeps no logs that can be read here\. Leave log_tail out/,
  );
  expect(queries()).toEqual([]);
});
