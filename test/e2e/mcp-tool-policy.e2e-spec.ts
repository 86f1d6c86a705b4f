import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { CLIENTS } from '../support/clients.js';
import { friendlyRuntime } from '../support/every-tool.js';
import { KEY } from '../support/mcp-app.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import { answerOf, LEGACY, McpHttp, rpc } from '../support/mcp-http.js';
import type { MockRuntime } from '../support/mock-runtime.js';
import { TASK_ID, taskSample, WORKFLOW_ID, workflowSample } from '../support/runtime-samples.js';
import { TaskClient } from '../support/task-client.js';

const READING = [
  'get_container_service',
  'get_task',
  'get_task_result',
  'get_workflow',
  'get_workflow_by_slug',
  'list_agents',
  'list_container_services',
  'list_tasks',
  'list_workflows',
  'stream_task_events',
];
const CHANGING = [
  'call_container_service',
  'cancel_task',
  'presign_file_upload',
  'run_workflow',
  'run_workflow_by_slug',
];
const CANCEL = 'POST /r/tasks/:id/cancel';
const UNCHANGED = 'This server lets your key read tasks, and change none. Do not retry; tell the user.';

let runtime: MockRuntime;
beforeAll(async () => {
  runtime = await friendlyRuntime();
  runtime.on('GET /r/workflows', ({ query }, response) => {
    const pinned = [{ ...workflowSample, workflow_slug: 'paint', is_tool: true, parameters_schema: {} }];
    response.writeHead(200, { 'Content-Type': 'application/json', 'Cyberun-Features': 'workflow-tools' });
    response.end(JSON.stringify({ workflow_list: query['is_tool'] === 'true' ? pinned : [] }));
  });
  const headers = { 'Cyberun-Features': 'workflow-tools' };
  runtime.on('GET /r/tasks/:id', { json: taskSample('running'), headers });
  runtime.on(CANCEL, { json: { is_success: true }, headers });
});
afterAll(() => runtime[Symbol.asyncDispose]());
beforeEach(() => void (runtime.seen.length = 0));

const start = (settings: Record<string, string>): Promise<McpApplication> => startMcp(runtime.url, settings);
const sorted = (names: readonly string[]): string[] => names.toSorted();

/** What a client with this key sees, by a request of 2026-07-28. */
async function listed(endpoint: string, key: string, query = ''): Promise<string[]> {
  const http = new McpHttp({ url: endpoint + query }, key);
  const { result, error } = await answerOf(await http.stateless('tools/list', {}));
  expect(error).toBeUndefined();
  return sorted(result?.tools.map(({ name }) => name) ?? []);
}

/** The tools that a client with this key reads of before its first call, by revision. */
async function namedInInstructions(endpoint: string, key: string): Promise<string[][]> {
  const http = new McpHttp({ url: endpoint }, key);
  const hello = { protocolVersion: LEGACY, capabilities: {}, clientInfo: { name: 'test', version: '1' } };
  const answers = [
    await http.send('POST', rpc('initialize', hello)),
    await http.stateless('server/discover'),
  ];
  return await Promise.all(
    answers.map(async (answer) => {
      const { instructions } = (await answerOf(answer)).result as unknown as { instructions: string };
      return sorted(
        [...READING, ...CHANGING].filter((name) => new RegExp(`\\b${name}\\b`).test(instructions)),
      );
    }),
  );
}

it('the instructions name only tools that a client has: of any server, a read-only one, and one that withholds tools of a key', async () => {
  const settings = [
    {},
    { CYBERUN_MCP_READ_ONLY: 'true' },
    { CYBERUN_MCP_TOOLS: 'list_*,run_workflow,get_workflow' },
    { CYBERUN_MCP_KEY_TOOLS: `${KEY.slice(0, 8)}=get_*` },
  ];
  for (const each of settings) {
    await using server = await start(each);
    const tools = await listed(server.endpoint, KEY);
    const [initialized = [], discovered] = await namedInInstructions(server.endpoint, KEY);
    expect(discovered).toEqual(initialized);
    expect(initialized.filter((name) => !tools.includes(name))).toEqual([]);
    expect(initialized.length).toBeGreaterThan(2);
  }
});

describe('CYBERUN_MCP_READ_ONLY', () => {
  let server: McpApplication;
  beforeAll(async () => {
    server = await start({ CYBERUN_MCP_READ_ONLY: 'true', CYBERUN_MCP_TOOLSETS: 'workflow-tools,files' });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it.each(CLIENTS)(
    'a read-only server gives $name the tools that read, and refuses every other',
    async ({ connect }) => {
      await using client = await connect({ endpoint: server.endpoint, key: KEY });
      expect(sorted(await client.listTools())).toEqual(READING);
      expect((await client.call('get_task', { task_id: TASK_ID })).isError).toBeFalsy();
      for (const name of CHANGING)
        await expect(client.call(name)).rejects.toThrow(
          `Tool ${name} not found: this server is read-only, and the tool is not`,
        );
    },
  );

  it('a read-only server has no tool of a workflow, and of the toolsets only tools that read', async () => {
    expect(await listed(server.endpoint, KEY, '?toolsets=all')).toEqual(sorted([...READING, 'read_output']));
    const http = new McpHttp({ url: `${server.endpoint}?toolsets=all` });
    const { error } = await answerOf(
      await http.stateless('tools/call', { name: 'run_paint', arguments: {} }),
    );
    expect(error).toMatchObject({ code: -32602, message: 'Tool run_paint not found' });
  });

  it('a read-only server shows tasks by the Tasks extension, and neither cancels nor updates them', async () => {
    await using client = await TaskClient.connect({ endpoint: server.endpoint, key: KEY });
    expect(await client.get(TASK_ID)).toMatchObject({ taskId: TASK_ID, status: 'working' });
    await expect(client.cancel(TASK_ID)).rejects.toThrow(UNCHANGED);
    await expect(client.update(TASK_ID, { a: {} })).rejects.toThrow(UNCHANGED);
    expect(runtime.requests(CANCEL)).toEqual([]);
  });

  it('a read-only server refuses a tool that exists and one that does not with the same code', async () => {
    const http = new McpHttp({ url: server.endpoint });
    const codeOf = async (name: string): Promise<number | undefined> =>
      (await answerOf(await http.stateless('tools/call', { name, arguments: {} }))).error?.code;
    expect([await codeOf('run_workflow'), await codeOf('no_such_tool')]).toEqual([-32602, -32602]);
  });
});

describe('CYBERUN_MCP_TOOLS and CYBERUN_MCP_KEY_TOOLS', () => {
  const READER = 'sk-reader-0123456789abcdef';
  const PAINTER = 'sk-painter-0123456789abcdef';
  let server: McpApplication;
  beforeAll(async () => {
    server = await start({
      CYBERUN_MCP_TOOLSETS: 'workflow-tools',
      CYBERUN_MCP_TOOLS: 'get_task*,run_paint,run_workflow,list_agents',
      CYBERUN_MCP_KEY_TOOLS: 'sk-reader=get_*,sk-reader=list_*,sk-painter=run_paint,sk-painter-0=get_task',
    });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it.each(CLIENTS)('a server that names its tools gives $name these and no others', async ({ connect }) => {
    await using client = await connect({ endpoint: server.endpoint, key: KEY });
    expect(sorted(await client.listTools())).toEqual([
      'get_task',
      'get_task_result',
      'list_agents',
      'run_workflow',
    ]);
    await expect(client.call('list_workflows')).rejects.toThrow(
      'Tool list_workflows not found: the operator of this server does not offer it',
    );
  });

  it.each(CLIENTS)(
    'a server that names the tools of keys gives $name those of its key',
    async ({ connect }) => {
      await using reader = await connect({ endpoint: server.endpoint, key: READER });
      expect(sorted(await reader.listTools())).toEqual(['get_task', 'get_task_result', 'list_agents']);
      await expect(reader.call('run_workflow', { workflow_id: WORKFLOW_ID })).rejects.toThrow(
        'Tool run_workflow not found: the operator of this server does not offer it to this key',
      );
    },
  );

  it('a key may have the tool of a workflow without the general one', async () => {
    expect(await listed(server.endpoint, PAINTER, '?toolsets=workflow-tools')).toEqual([
      'get_task',
      'run_paint',
    ]);
    await expect(listed(server.endpoint, PAINTER)).resolves.toEqual(['get_task']);
    await expect(listed(server.endpoint, KEY)).resolves.toContain('run_workflow');
  });

  it('tasks are cancelled by the Tasks extension for keys that may run workflows, and for no other', async () => {
    await using any = await TaskClient.connect({ endpoint: server.endpoint, key: KEY });
    await using reader = await TaskClient.connect({ endpoint: server.endpoint, key: READER });
    await expect(reader.cancel(TASK_ID)).rejects.toThrow(UNCHANGED);
    expect(runtime.requests(CANCEL)).toEqual([]);
    await any.cancel(TASK_ID);
    expect(runtime.requests(CANCEL)).toHaveLength(1);
    // Its key may run one workflow, by a tool of its own.
    const endpoint = `${server.endpoint}?toolsets=workflow-tools`;
    await using painter = await TaskClient.connect({ endpoint, key: PAINTER });
    await painter.cancel(TASK_ID);
    expect(runtime.requests(CANCEL)).toHaveLength(2);
  });
});

it.each([
  [
    'CYBERUN_MCP_TOOLS',
    { CYBERUN_MCP_TOOLS: 'get_task,run_workflows' },
    'CYBERUN_MCP_TOOLS names "run_workflows", which is no tool of this server. Did you mean run_workflow?',
  ],
  [
    'CYBERUN_MCP_KEY_TOOLS',
    { CYBERUN_MCP_KEY_TOOLS: 'sk-a=xyzzy' },
    /^CYBERUN_MCP_KEY_TOOLS names "xyzzy", which is no tool of this server\. There are: call_container_service, .*stream_task_events/,
  ],
  [
    'both settings',
    { CYBERUN_MCP_TOOLS: 'run_workflow', CYBERUN_MCP_READ_ONLY: 'true' },
    'CYBERUN_MCP_TOOLS names "run_workflow", which is not a read-only tool, but CYBERUN_MCP_READ_ONLY is true. Leave one of them out.',
  ],
  [
    'a toolset that is not allowed',
    { CYBERUN_MCP_TOOLS: 'get_task_log' },
    'CYBERUN_MCP_TOOLS names "get_task_log" of the toolset "logs", which CYBERUN_MCP_TOOLSETS does not allow. Add the toolset there, or leave the tool out.',
  ],
])(
  'a tool that no client could have, in %s, stops the start with what to do',
  async (_where, settings, words) => {
    await expect(start(settings as Record<string, string>)).rejects.toThrow(words);
  },
);

it('the beginning of names that fits no tool yet is only logged', async () => {
  await using server = await start({ CYBERUN_MCP_TOOLS: 'get_*,plan_*' });
  expect(server.log()).toContain(
    'CYBERUN_MCP_TOOLS names \\"plan_*\\", which fits no tool that this server has now.',
  );
});
