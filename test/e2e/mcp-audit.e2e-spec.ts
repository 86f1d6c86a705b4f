import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { temporaryFolder } from '../support/command-line.js';
import { EVERY_TOOL, friendlyRuntime } from '../support/every-tool.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import { answerOf, call, McpHttp } from '../support/mcp-http.js';
import type { MockRuntime } from '../support/mock-runtime.js';
import { until } from '../support/processes.js';

const KEY = 'sk-audit-0123456789abcdef';
const IDS = { 'cyberun-credential-id': 'credential-1', 'cyberun-team-id': 'team-1' };

const resources = new AsyncDisposableStack();
let path: string;
let runtime: MockRuntime;
let mcp: McpApplication;
let http: McpHttp;

beforeAll(async () => {
  const folder = resources.use(await temporaryFolder());
  path = join(folder.path, 'audit.jsonl');
  runtime = resources.use(await friendlyRuntime());
  runtime.on('GET /r/workflows', { json: { workflow_list: [] }, headers: IDS });
  mcp = resources.use(await startMcp(runtime.url, { CYBERUN_AUDIT_LOG: path }));
  http = new McpHttp({ url: mcp.endpoint }, KEY);
});
afterAll(() => resources.disposeAsync());

type Line = Readonly<Record<string, unknown>>;
const lines = (): Line[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);

/** The lines that something adds, once there are so many. */
async function added(count: number, act: () => Promise<unknown>): Promise<Line[]> {
  const before = lines().length;
  await act();
  await until(async () => lines().length >= before + count);
  return lines().slice(before);
}

it('every tool leaves one line with its ids and none of its other arguments', async () => {
  for (const { name, args, route, answer, status = 200 } of EVERY_TOOL) {
    runtime.on(route, { status, json: answer, headers: IDS });
    const [line, ...more] = await added(1, async () =>
      (
        await http.stateless(
          'tools/call',
          { name, arguments: args },
          { headers: { 'X-Request-Id': `r-${name}` } },
        )
      ).text(),
    );
    expect(more).toEqual([]);
    expect(line).toMatchObject({
      audit: 'tool_call',
      outcome: 'ok',
      tool: name,
      request_id: `r-${name}`,
      credential_id: 'credential-1',
      team_id: 'team-1',
    });
    expect(Object.keys(line ?? {}).filter((field) => field.startsWith('duration'))).toEqual(['duration_ms']);
    const ids = line?.['ids'] as Record<string, unknown>;
    for (const [field, value] of Object.entries(args)) {
      if (/^(task_id|workflow_id|\w+_slug)$/.test(field)) expect(ids[field]).toBe(value);
      else if (typeof value === 'string' && value.length > 3)
        expect(JSON.stringify(line)).not.toContain(`"${value}"`);
    }
  }
  runtime.on('GET /r/workflows', { json: { workflow_list: [] }, headers: IDS });
  expect(readFileSync(path, 'utf8')).not.toContain(KEY);
});

it('a run leaves the id of its task', async () => {
  const run = EVERY_TOOL.find(({ name }) => name === 'run_workflow');
  const [line] = await added(1, async () =>
    (await http.stateless('tools/call', { name: 'run_workflow', arguments: { ...run?.args } })).text(),
  );
  expect(line?.['ids']).toMatchObject({ task_id: run?.answer['task_id'] });
});

it.each<[string, string, object, object]>([
  ['an unknown tool', 'no_such_tool', {}, { outcome: 'refused', tool: 'no_such_tool', reason: '-32602' }],
  ['a name that is text', 'do this: x', {}, { outcome: 'refused', reason: '-32602' }],
  ['invalid input', 'get_task', { task_id: 7 }, { outcome: 'refused', reason: 'refused' }],
  [
    'what the runtime refuses',
    'cancel_task',
    { task_id: '01a203c5-33ab-7000-bc61-2d0781f6a0ce' },
    { outcome: 'refused', reason: 'rejected', status: 403 },
  ],
  ['a runtime that fails', 'list_agents', {}, { outcome: 'failed', reason: 'rejected', status: 500 }],
])('%s leaves one line', async (_what, name, args, expected) => {
  runtime.on('POST /r/tasks/:id/cancel', { status: 403, json: { error_message: 'no' } });
  runtime.on('GET /r/agents', { status: 500, json: { error_message: 'no' } });
  const session = await http.open();
  const sent = [
    () => http.stateless('tools/call', { name, arguments: args }),
    () => http.ask(session, call(name, args)),
  ];
  for (const send of sent) {
    const [line, ...more] = await added(1, async () => answerOf(await send()));
    expect(more).toEqual([]);
    expect(line).toMatchObject({ audit: 'tool_call', ...expected });
    expect(JSON.stringify(line)).not.toContain('do this');
  }
});

it('a request without a valid key leaves one line', async () => {
  const [line] = await added(1, () => http.send('POST', call('list_agents'), { key: 'none' }));
  expect(line).toMatchObject({ audit: 'mcp_request', outcome: 'refused', route: 'POST mcp', status: 401 });
  expect(line).not.toHaveProperty('credential_id');
});

it('requests that call no tool leave no line', async () => {
  const before = lines().length;
  await (await http.stateless('tools/list')).text();
  await (await http.stateless('resources/list')).text();
  await added(1, async () =>
    (await http.stateless('tools/call', { name: 'list_tasks', arguments: {} })).text(),
  );
  expect(lines()).toHaveLength(before + 1);
});
