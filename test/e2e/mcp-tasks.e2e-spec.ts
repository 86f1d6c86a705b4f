import { Module } from '@nestjs/common';
import { McpController, Tool } from '@rekog/mcp-nest';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { AnswersWithTask, TaskProvider } from '../../src/mcp/index.js';
import { BackgroundTasks } from '../conformance/fixtures/background-tasks.js';
import { TaskTools } from '../conformance/fixtures/task.tools.js';
import { KEY, McpApp } from '../support/mcp-app.js';
import { call, McpHttp, nextOf, resultOf } from '../support/mcp-http.js';
import { TaskClient } from '../support/task-client.js';

/** A module with tasks of its own, as an engineer writes it. */
@Module({ controllers: [TaskTools], providers: [BackgroundTasks] })
class TasksOfAModule {}

abstract class NowhereProvided extends TaskProvider {}

@McpController()
class LostTools {
  @Tool({ name: 'lost', description: 'Its provider is in no module' })
  @AnswersWithTask(NowhereProvided as never)
  lost(): object {
    return {};
  }
}

@McpController()
class CarelessTools {
  @Tool({ name: 'careless', description: 'Does not ask whether the client takes a task' })
  careless(): object {
    return { resultType: 'task', taskId: 'background.1' };
  }
}

let app: McpApp;
let client: TaskClient;

beforeAll(async () => {
  app = await McpApp.start({ modules: [TasksOfAModule], controllers: [CarelessTools] });
  client = await TaskClient.connect({ endpoint: app.url, key: KEY });
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await app[Symbol.asyncDispose]();
});

it('a task of a module asks its client by notifications and tasks/get, and ends once all is answered', async () => {
  const { taskId } = await client.call('multi_input');
  const id = String(taskId);
  const stop = new AbortController();
  const news = await client.listen([id], {}, stop.signal);
  expect(await nextOf(news)).toMatchObject({ params: { notifications: { taskIds: [id] } } });
  const { params } = await nextOf(news);
  expect(params).toMatchObject({ taskId: id, status: 'input_required' });
  const [first, second] = Object.keys((await client.get(id))['inputRequests'] as object);

  await client.update(id, { [String(first)]: { action: 'accept', content: { name: 'Ada' } }, unknown: {} });
  expect(Object.keys((await client.get(id))['inputRequests'] as object)).toEqual([second]);
  expect(Object.keys((await nextOf(news)).params?.['inputRequests'] as object)).toEqual([second]);

  await client.update(id, { [String(second)]: { action: 'decline' } });
  let ended = await nextOf(news);
  // It works for a moment after the last answer, which a client may or may not see.
  if (ended.params?.['status'] === 'working') ended = await nextOf(news);
  expect(ended.params).toMatchObject({ status: 'completed', result: { resultType: 'complete' } });
  expect(JSON.stringify(ended.params?.['result'])).toContain('Ada');
  stop.abort();
});

it('a tool that asks first and then creates a task answers with the handle alone, on the way through the SDK, too', async () => {
  const { inputRequests, taskId: none } = await client.call('test_tool_with_task');
  expect(none).toBeUndefined();
  const [key] = Object.keys(inputRequests as object);
  const inputResponses = { [String(key)]: { action: 'accept', content: { name: 'Ada' } } };
  const created = await client.call('test_tool_with_task', {}, { inputResponses });
  expect(Object.keys(created).toSorted()).toEqual([
    '_meta',
    'createdAt',
    'lastUpdatedAt',
    'pollIntervalMs',
    'resultType',
    'status',
    'taskId',
    'ttlMs',
  ]);
  expect(created['resultType']).toBe('task');
});

it('a task of a module is not found by another key', async () => {
  const { taskId } = await client.call('slow_compute', { seconds: 60 });
  await using otherKey = await TaskClient.connect({ endpoint: app.url, key: 'sk-another-0123456789' });
  await expect(otherKey.get(String(taskId))).rejects.toMatchObject({ code: -32602 });
  await otherKey.cancel(String(taskId)).catch(() => undefined);
  expect(await client.get(String(taskId))).toMatchObject({ status: 'working' });
  await client.cancel(String(taskId));
  expect(await client.get(String(taskId))).toMatchObject({ status: 'cancelled' });
});

it('an exception in a task is an error of the protocol, and a tool that fails is a result', async () => {
  const { taskId } = await client.call('protocol_error_job');
  expect(await client.get(String(taskId))).toMatchObject({ status: 'failed', error: { code: -32603 } });
});

it.each([{}, { extensions: { 'io.modelcontextprotocol/tasks': {} } }])(
  'a tool that has no other answer than a task refuses a client with a session, which has declared %j',
  async (capabilities) => {
    const http = new McpHttp(app);
    const response = await http.ask(await http.open(capabilities), call('failing_job'));
    expect(await response.json()).toMatchObject({ error: { code: -32021 } });
  },
);

it('a tool that creates a task for a client that takes none is a fault of this server, without its text', async () => {
  const http = new McpHttp(app);
  const { isError, structuredContent } = await resultOf(
    await http.stateless('tools/call', { name: 'careless' }),
  );
  expect(isError).toBe(true);
  expect(structuredContent.error_message).toContain('reference');
  expect(app.log.text).toContain('answered with a task to a client that takes none');
});

it('a server without tools that answer with tasks has no methods for them', async () => {
  await using plain = await McpApp.start({ tools: 'plain' });
  await using declared = await TaskClient.connect({ endpoint: plain.url, key: KEY });
  expect(declared.sdk.getServerCapabilities()).not.toHaveProperty('extensions');
  const answer = await new McpHttp(plain).stateless(
    'tasks/get',
    { taskId: '1' },
    { headers: { 'Mcp-Name': '1' } },
  );
  expect(await answer.json()).toMatchObject({ error: { code: -32601 } });
});

it('the server does not start when the provider of a tool is in no module', async () => {
  await expect(McpApp.start({ controllers: [LostTools] })).rejects.toThrow('NowhereProvided');
});
