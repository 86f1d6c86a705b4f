import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { type AddressInfo, createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { keysOf, shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { processesOfTasks, until } from '../support/processes.js';

const fileWorkflow = `document:
  dsl: '1.0.0'
  namespace: tests
  name: copy
  version: '1.0.0'
  title: Copy
  metadata: { labels: [local] }
input:
  schema:
    document:
      type: object
      required: [file]
      properties: { file: { type: string, format: file } }
do:
  - copy:
      run:
        shell:
          command: cp "$1" output/copy.bin
          arguments: ['\${ .file }']
`;

/** Its second step takes longer than its limit. */
const limitedWorkflow = (name: string, slow: string): string => `document:
  dsl: '1.0.0'
  namespace: tests
  name: ${name}
  version: '1.0.0'
  metadata: { labels: [local] }
do:
  - quick: { run: { shell: { command: echo quick } }, timeout: { after: { minutes: 1 } } }
  - slow:
${slow}
      timeout: { after: { seconds: 1 } }
  - never: { run: { shell: { command: echo never > output/never.txt } } }
`;
const SLOW_COMMAND = '      run: { shell: { command: echo half way; echo on its way >&2; sleep 300 } }';
const slowCall = (origin: string): string =>
  `      call: http\n      with: { method: get, endpoint: '${origin}/report' }`;

const files = {
  'hello.yaml': shellWorkflow(
    'hello',
    'echo "::progress value=0.5,step=1,total=2::half"\necho \'{"n":1}\' > output/result.json',
  ),
  'copy.yaml': fileWorkflow,
  'fail.yaml': shellWorkflow('fail', 'echo the reason >&2; exit 3', { retries: 1 }),
  'slow.yaml': shellWorkflow('slow', 'sleep 300 & sleep 300'),
  'short.yaml': shellWorkflow('short', 'sleep 300', { seconds: 1 }),
  'gpu.yaml': shellWorkflow('gpu', 'true', { labels: 'local, gpu' }),
  'slow-command.yaml': limitedWorkflow('slow-command', SLOW_COMMAND),
};

let server: RuntimeServer;
/** It accepts connections and never answers. */
let silent: Server;
beforeAll(async () => {
  silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const call = limitedWorkflow('slow-call', slowCall(`http://127.0.0.1:${port}`));
  server = await RuntimeServer.start({ ...files, 'slow-call.yaml': call });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  silent.close();
});

const task = async (id: string) => (await server.get(`/r/tasks/${id}`)).body;
const status = (id: string, wanted: string): Promise<void> =>
  until(async () => (await task(id)).task_status === wanted);

it('a task on an agent runs, reports and brings its result', async () => {
  await using _agent = await TestAgent.start(server);
  const id = await server.submit('hello', {});
  const events = await server.events(id);
  expect(events.map(({ event, data }) => data['status'] ?? event)).toEqual(
    expect.arrayContaining(['queued', 'running', 'progress', 'completed']),
  );
  expect((await server.get(`/r/tasks/${id}/result`)).body).toMatchObject({ task_output: { n: 1 } });
  expect(await task(id)).toMatchObject({ agent_id: 'agent-1', retry_count: 0 });
});

it('a task on an agent gets an uploaded file and stores one that clients can download', async () => {
  await using _agent = await TestAgent.start(server);
  const bytes = Buffer.alloc(3_000_000, 'abc');
  const presigned = await server.call('POST', '/r/files/presign', {
    file_name: 'in.bin',
    file_size: bytes.length,
    content_type: 'application/octet-stream',
  });
  const { upload_url, upload_headers, file_key } = presigned.body;
  expect((await fetch(upload_url, { method: 'PUT', body: bytes, headers: upload_headers })).status).toBe(200);
  const id = await server.submit('copy', { file: file_key });
  await status(id, 'completed');
  const { body } = await server.get(`/r/tasks/${id}/result`);
  const [link] = Object.values(body.download_urls as Record<string, string>);
  expect(Buffer.from(await (await fetch(link ?? '')).arrayBuffer()).equals(bytes)).toBe(true);
});

it('a task on an agent fails with its last error line first, once its retries are used up', async () => {
  await using _agent = await TestAgent.start(server);
  const id = await server.submit('fail', {});
  await status(id, 'failed');
  const { task_error, retry_count } = await task(id);
  expect(task_error).toBe('the reason\nStep work ended with exit code 3.');
  expect(retry_count).toBe(1);
});

it('a task on an agent fails when it takes too long', async () => {
  await using _agent = await TestAgent.start(server);
  const id = await server.submit('short', {});
  await status(id, 'failed');
  expect((await task(id)).task_error).toContain('took longer than its limit of 1 s');
});

it('a step that takes longer than its own limit fails the run, and the error names the step and the limit', async () => {
  await using agent = await TestAgent.start(server);
  const ids = [await server.submit('slow-command', {}), await server.submit('slow-call', {})];
  for (const id of ids) await status(id, 'failed');
  const [command, call] = await Promise.all(ids.map(async (id) => (await task(id)).task_error));
  const sentence = 'Step slow took longer than its limit of 1 s and was stopped.';
  expect(command).toBe(`${sentence}\nThe end of its stderr:\non its way\nThe end of its stdout:\nhalf way`);
  expect(call).toBe(sentence);
  expect(await processesOfTasks(ids)).toEqual([]);
  await until(async () => (await readdir(join(agent.workDir, 'runs'))).length === 0);
});

it('the processes of a cancelled task end, grandchildren included', async () => {
  await using agent = await TestAgent.start(server);
  const id = await server.submit('slow', {});
  await status(id, 'running');
  await until(async () => (await processesOfTasks([id])).length >= 2);
  await server.call('POST', `/r/tasks/${id}/cancel`);
  await until(async () => (await processesOfTasks([id])).length === 0);
  expect((await task(id)).task_status).toBe('cancelled');
  await until(async () => (await readdir(join(agent.workDir, 'runs'))).length === 0);
});

it('a task runs again, uncounted, when its agent is lost, and no process of the first run remains', async () => {
  const lost = await TestAgent.start(server, { agentId: 'lost' });
  const id = await server.submit('slow', {});
  await status(id, 'running');
  await using _other = await TestAgent.start(server, { agentId: 'other' });
  await lost[Symbol.asyncDispose]();
  await until(
    async () => (await task(id)).agent_id === 'other' && (await task(id)).task_status === 'running',
  );
  expect(await task(id)).toMatchObject({ retry_count: 0 });
  await until(async () => (await processesOfTasks([id])).length <= 3);
  await server.call('POST', `/r/tasks/${id}/cancel`);
  await until(async () => (await processesOfTasks([id])).length === 0);
});

it('a task on an agent waits for an agent with all its labels', async () => {
  await using _plain = await TestAgent.start(server);
  const id = await server.submit('gpu', {});
  await status(id, 'waiting');
  await using _gpu = await TestAgent.start(server, { agentId: 'gpu-1', labels: ['local', 'gpu', 'x'] });
  await status(id, 'completed');
  expect(await task(id)).toMatchObject({ agent_id: 'gpu-1' });
});

it('an agent never runs more tasks at once than it has slots', async () => {
  await using _agent = await TestAgent.start(server, { slots: 2 });
  const ids = await Promise.all(Array.from({ length: 12 }, () => server.submit('hello', {})));
  let most = 0;
  await until(async () => {
    const [agent] = (await server.get('/r/agents')).body.agent_list;
    most = Math.max(most, agent.running_count);
    return (await Promise.all(ids.map(task))).every(({ task_status }) => task_status === 'completed');
  });
  expect(most).toBeLessThanOrEqual(2);
});

it('the list of agents shows connected agents, page by page, to integration keys only', async () => {
  await using _first = await TestAgent.start(server, { agentId: 'a' });
  await using _second = await TestAgent.start(server, { agentId: 'b', slots: 3 });
  const { body } = await server.get('/r/agents?per_page=1&current_page=2');
  expect(body).toEqual({
    agent_list: [
      expect.objectContaining({
        agent_id: 'b',
        agent_status: 'idle',
        agent_labels: expect.arrayContaining(['local']),
        running_count: 0,
        running_tasks: [],
        tasks_completed: 0,
        platform_arch: expect.stringMatching(/^\w+\/\w+$/),
        connected_at: expect.stringMatching(/Z$/),
      }),
    ],
    page_meta: { current_page: 2, per_page: 1, total_count: 2 },
  });
  expect((await server.get('/r/agents', null)).status).toBe(401);
  expect((await server.get('/r/agents?per_page=101')).status).toBe(400);
});

it('the list of agents drops a disconnected agent, and a second one of the same name replaces the first', async () => {
  await using first = await TestAgent.start(server, { agentId: 'twin' });
  await using second = await TestAgent.start(server, { agentId: 'twin', slots: 7 });
  await expect(first.ended).rejects.toThrow('taken the place');
  const id = await server.submit('hello', {});
  await status(id, 'completed');
  await second.stop();
  await until(async () => (await server.get('/r/agents')).body.page_meta.total_count === 0);
});

const upgrade = async (headers: string[]): Promise<string> => {
  const socket = createConnection(Number(new URL(server.origin).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(
    [
      'GET /api/v1/gateway HTTP/1.1',
      'Host: localhost',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ...headers,
      '\r\n',
    ].join('\r\n'),
  );
  return text(socket);
};

it.each([
  ['no key', []],
  ['an integration key', [`Authorization: Bearer ${BOOTSTRAP_KEY}`]],
  ['an unknown agent key', ['Authorization: Bearer ak-00000000000000000000000000']],
])('the gateway refuses %s with 401 and a sentence', async (_what, headers) => {
  const answer = await upgrade(headers);
  expect(answer).toMatch(/^HTTP\/1\.1 401 /);
  expect(JSON.parse(answer.slice(answer.indexOf('{')))).toEqual({
    error_message: expect.stringContaining('agent key'),
  });
});

it('an agent with an unknown key ends with the reason', async () => {
  await expect(TestAgent.start(server, { key: 'ak-nobody' })).rejects.toThrow(
    /The gateway answered 401: Agents connect .* nor expired\.$/,
  );
});

it('the gateway disconnects an agent soon after its key was revoked', async () => {
  const { id, raw_key } = await keysOf(server).create({ kind: 'agent', display_name: 'short-lived' });
  await using agent = await TestAgent.start(server, { agentId: 'revoked', key: raw_key });
  await keysOf(server).revoke(id);
  await expect(agent.ended).rejects.toThrow(/The gateway answered 401/);
});

it('the gateway ignores the offer of an h2c upgrade', async () => {
  const socket = createConnection(Number(new URL(server.origin).port), '127.0.0.1');
  socket.write(
    `GET /api/v1/r/agents HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nAuthorization: Bearer ${BOOTSTRAP_KEY}\r\n\r\n`,
  );
  socket.setTimeout(3000, () => socket.destroy());
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  expect(chunk.toString()).toMatch(/^HTTP\/1\.1 200 /);
  socket.destroy();
});
