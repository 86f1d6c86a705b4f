import { createServer } from 'node:http';

const page = (total_count) => ({ current_page: 1, per_page: 20, total_count });
const agent = (number) => ({
  agent_id: `00000000-0000-4000-8000-00000000000${number}`,
  agent_status: 'idle',
  agent_labels: ['local', 'gpu'],
  last_heartbeat: '2026-11-22T10:00:00.000Z',
  agent_version: '1.4.2',
  tool: 'comfyui',
  running_count: 0,
  platform_arch: 'linux/amd64',
  connected_at: '2026-11-22T09:00:00.000Z',
  tasks_completed: 41 + number,
});
const json = (value) => Buffer.from(JSON.stringify(value));

const WORKFLOWS = json({ workflow_list: [], page_meta: page(0) });
const AGENTS = json({ agent_list: [1, 2, 3].map(agent), page_meta: page(3) });
const NOT_FOUND = json({ error_message: 'resource not found' });
const TASK = /^\/api\/v1\/r\/tasks\/([^/?]+)(\/events)?$/;

/**
 * A Runtime API that answers at once, from memory: every key is good, there are three agents, and every task is
 * what `taskOf` says. Who opens a stream of events is handed to `onEvents(taskId, response)`.
 */
export function createFakeRuntime({ taskOf = () => undefined, onEvents = () => {} } = {}) {
  return createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const send = (status, body) =>
      response
        .writeHead(status, { 'content-type': 'application/json', 'content-length': body.length })
        .end(body);
    const [path] = request.url.split('?', 1);
    if (path === '/api/v1/r/agents') return send(200, AGENTS);
    if (path === '/api/v1/r/workflows') return send(200, WORKFLOWS);
    const [, taskId, isEvents] = TASK.exec(path) ?? [];
    if (taskId === undefined || taskOf(taskId) === undefined) return send(404, NOT_FOUND);
    if (!isEvents) return send(200, json(taskOf(taskId)));
    response
      .writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
      .flushHeaders();
    return onEvents(taskId, response);
  });
}
