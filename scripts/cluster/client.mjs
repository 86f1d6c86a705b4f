// Clients of the endpoint: the official library for the story, and plain requests for load.
import { createHash, randomBytes } from 'node:crypto';

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

import { check, until } from './commands.mjs';

const REVISION = '2026-07-28';
const IDENTITY = { name: 'cluster', version: '1.0.0' };
const META = {
  'io.modelcontextprotocol/protocolVersion': REVISION,
  'io.modelcontextprotocol/clientInfo': IDENTITY,
  'io.modelcontextprotocol/clientCapabilities': {},
};
const ENDED = new Set(['completed', 'failed', 'cancelled']);
const CALL_MS = 60_000;
const FILE_BYTES = 2_000_000;
const TOOLS = 15;

const endpointOf = (url) => `${url}/api/v1/mcp`;

/** One request of the newest revision, by fetch and its kept connections. @throws {Error} unless there is a result. */
export async function request({ url, key }, method, params = {}) {
  const response = await fetch(endpointOf(url), {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${key}`,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': REVISION,
      'Mcp-Method': method,
      ...(params.name && { 'Mcp-Name': params.name }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: META } }),
    signal: AbortSignal.timeout(CALL_MS),
  });
  const text = await response.text();
  const data = text.startsWith('{') ? text : (/^data: ?(\{.*)$/m.exec(text)?.[1] ?? '{}');
  const { result, error } = JSON.parse(data);
  if (!result) throw new Error(`${response.status} ${error?.message ?? text.slice(0, 100)}`);
  return result;
}

/** The structured content of a tool call. @throws {Error} when the tool failed. */
export async function callTool(release, name, args = {}) {
  return contentOf(name, await request(release, 'tools/call', { name, arguments: args }));
}

function contentOf(name, { isError, structuredContent: content }) {
  if (isError) throw new Error(`${name}: ${content?.error_message ?? 'no reason was given'}`);
  return content;
}

export async function submit(release, slug, parameters = {}) {
  const { task_id: id } = await callTool(release, 'run_workflow_by_slug', {
    workflow_slug: slug,
    body: { parameters },
  });
  return id;
}

export const taskOf = (release, id) => callTool(release, 'get_task', { task_id: id });

/** The task once it has ended. */
export async function ended(release, id, seconds = 240) {
  return until(
    `task ${id} ends`,
    async () => {
      const task = await taskOf(release, id);
      return ENDED.has(task.task_status) && task;
    },
    { seconds, pauseMs: 1000 },
  );
}

/** The task once it has completed. @throws {Error} when it ends in another way. */
export async function completed(release, id, seconds) {
  const task = await ended(release, id, seconds);
  check(task.task_status === 'completed', `task ${id} is ${task.task_status}: ${task.task_error}`);
  return task;
}

/** A connected client of the official library, of the newest revision or with a session of 2025. */
export async function connect({ url, key }, { isOlder = false } = {}) {
  const client = new Client(IDENTITY, isOlder ? {} : { versionNegotiation: { mode: 'auto' } });
  const options = { requestInit: { headers: { Authorization: `Bearer ${key}` } } };
  await client.connect(new StreamableHTTPClientTransport(new URL(endpointOf(url)), options));
  return client;
}

/** What a person does: list tools, upload a file, run a workflow on it, follow it, open what came out. With a client of each era. */
export async function story(release) {
  for (const isOlder of [false, true]) {
    const client = await connect(release, { isOlder });
    try {
      const { tools } = await client.listTools();
      check(tools.length === TOOLS, `${tools.length} tools are listed, not ${TOOLS}`);
      await fileThereAndBack(client);
    } finally {
      await client.close();
    }
  }
  return `${TOOLS} tools, ${FILE_BYTES / 1e6} MB there and back`;
}

async function fileThereAndBack(client) {
  const options = { timeout: 240_000, resetTimeoutOnProgress: true };
  const call = async (name, args) =>
    contentOf(name, await client.callTool({ name, arguments: args }, options));
  const bytes = randomBytes(FILE_BYTES);
  const body = { file_name: 'story.bin', file_size: bytes.length, content_type: 'application/octet-stream' };
  const {
    file_key: file,
    upload_url: uploadUrl,
    upload_headers: headers,
  } = await call('presign_file_upload', { body });
  const put = await fetch(uploadUrl, { method: 'PUT', headers, body: bytes });
  check(put.ok, `the upload was answered with ${put.status}`);
  const run = { workflow_slug: 'copy-file', body: { parameters: { file } } };
  const { task_id: taskId } = await call('run_workflow_by_slug', run);
  // It answers when its time is up, too.
  const follow = () => call('stream_task_events', { task_id: taskId });
  const task = await until(`task ${taskId} ends`, async () => {
    const seen = await follow();
    return ENDED.has(seen.task_status) && seen;
  });
  check(task.task_status === 'completed', `task ${taskId} is ${task.task_status}: ${task.task_error}`);
  const { download_urls: links } = await call('get_task_result', { task_id: taskId });
  const link = Object.entries(links).find(([name]) => name.includes('story'))?.[1];
  const back = await fetch(link);
  check(back.ok, `the link to the output was answered with ${back.status}`);
  const digest = (content) => createHash('sha256').update(content).digest('hex');
  check(
    digest(new Uint8Array(await back.arrayBuffer())) === digest(bytes),
    'the file that came back is another one',
  );
}
