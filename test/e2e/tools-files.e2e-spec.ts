import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { type StoryClient, type ToolResult, validatingClient } from '../support/clients.js';
import { friendlyRuntime } from '../support/every-tool.js';
import { KEY } from '../support/mcp-app.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import type { MockRuntime } from '../support/mock-runtime.js';
import { TASK_ID as task_id } from '../support/runtime-samples.js';

const PNG = Buffer.from('89504e470d0a1a0a', 'hex');
const LINES = Array.from({ length: 500 }, (_, index) => `line ${index} – äöü\n`).join('');

interface StoredFile {
  readonly bytes: Buffer;
  readonly type: string;
  /** Whether the store knows ranges. */
  readonly isWhole?: boolean;
}

const FILES: Readonly<Record<string, StoredFile>> = {
  'notes.md': { bytes: Buffer.from(LINES), type: 'text/markdown' },
  'whole.txt': { bytes: Buffer.from(LINES), type: 'text/plain', isWhole: true },
  'result.json': { bytes: Buffer.from('{"score": 12345678901234567890}'), type: 'application/octet-stream' },
  'broken.json': { bytes: Buffer.from('{"score": '), type: 'application/json' },
  'chart.png': { bytes: PNG, type: 'image/png' },
  'large.png': { bytes: Buffer.alloc(1_100_000, 1), type: 'image/png' },
  'model.zip': { bytes: Buffer.from([0x50, 0x4b, 3, 4, 0, 0]), type: 'application/zip' },
  'empty.txt': { bytes: Buffer.alloc(0), type: 'text/plain' },
};

let runtime: MockRuntime;
let application: McpApplication;
let client: StoryClient;
let store: Server;
const requests: { method?: string | undefined; headers: IncomingMessage['headers']; body: string }[] = [];

/** As an object store does: the signature is in the link, and ranges are served. */
async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, headers, url = '' } = request;
  requests.push({ method, headers, body: (await buffer(request)).toString() });
  if (method === 'PUT') {
    response.writeHead(url === '/refused' ? 403 : 200).end('<Error>secret</Error>');
    return;
  }
  const file = FILES[url.slice(1)];
  if (!file) {
    response.writeHead(404).end();
    return;
  }
  const { bytes, type, isWhole = false } = file;
  const [, start = '0', end = '0'] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
  if (isWhole) response.writeHead(200, { 'Content-Type': type, 'Content-Length': bytes.length }).end(bytes);
  else if (Number(start) >= bytes.length)
    response.writeHead(416, { 'Content-Type': type, 'Content-Range': `bytes */${bytes.length}` }).end();
  else {
    const part = bytes.subarray(Number(start), Number(end) + 1);
    const range = `bytes ${start}-${Number(start) + part.length - 1}/${bytes.length}`;
    response.writeHead(206, { 'Content-Type': type, 'Content-Range': range }).end(part);
  }
}

beforeAll(async () => {
  store = createServer((request, response) => void serve(request, response)).listen(0, '127.0.0.1');
  await new Promise((resolve) => store.once('listening', resolve));
  runtime = await friendlyRuntime();
  application = await startMcp(runtime.url, {
    CYBERUN_MCP_TOOLSETS: 'files',
    CYBERUN_MCP_REPLY_TOKENS: '1000',
  });
  client = await validatingClient({ endpoint: `${application.endpoint}?toolsets=files`, key: KEY });
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await application[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
  store.closeAllConnections();
  store.close();
});

const link = (name: string): string => `http://127.0.0.1:${(store.address() as AddressInfo).port}/${name}`;
const errorOf = ({ structuredContent }: ToolResult): unknown => structuredContent?.['error_message'];

/** The task has these files. */
const leaves = (...names: string[]): void => {
  const download_urls = Object.fromEntries(names.map((name) => [name, link(name)]));
  runtime.on('GET /r/tasks/:id/result', { json: { id: task_id, task_status: 'completed', download_urls } });
};
const read = (args: object = {}): Promise<ToolResult> => client.call('read_output', { task_id, ...args });

it('upload_file stores a text and gives its file_key; the key of the client stays with the runtime', async () => {
  const upload_headers = { 'Content-Length': '7', 'If-None-Match': '*', 'Content-Type': 'text/markdown' };
  const json = { file_key: 'inputs/1/a.md', upload_url: link('put'), upload_headers };
  runtime.on('POST /r/files/presign', { json });
  const answer = await client.call('upload_file', { file_name: 'a.md', text: 'Grüße' });
  expect(answer.structuredContent).toEqual({ file_key: 'inputs/1/a.md', file_size: 7 });
  expect(runtime.requests('POST /r/files/presign').at(-1)?.body).toEqual({
    file_name: 'a.md',
    file_size: 7,
    content_type: 'text/markdown',
  });
  expect(requests.at(-1)).toMatchObject({
    method: 'PUT',
    body: 'Grüße',
    headers: { 'content-length': '7', 'if-none-match': '*', 'content-type': 'text/markdown' },
  });
  expect(requests.at(-1)?.headers).not.toHaveProperty('authorization');
});

it('upload_file says what the store refused, in words of this server', async () => {
  runtime.on('POST /r/files/presign', { json: { file_key: 'k', upload_url: link('refused') } });
  const answer = await client.call('upload_file', { file_name: 'a', text: '', content_type: 'text/x-log' });
  expect(errorOf(answer)).toBe(
    'The file store refused to store the file (status 403). Try again, which takes a fresh link.',
  );
  runtime.on('POST /r/files/presign', { json: { file_key: 'k', upload_url: 'file:///etc/passwd' } });
  const unusable = await client.call('upload_file', { file_name: 'a', text: '' });
  expect(errorOf(unusable)).toBe('The runtime gave a link that this server cannot use to store the file.');
});

it.each(['notes.md', 'whole.txt'])('read_output gives %s part by part, in whole lines', async (name) => {
  leaves('other.txt', name);
  let text = '';
  let offset: unknown = 0;
  let parts = 0;
  for (; offset !== undefined; parts += 1) {
    const { structuredContent = {} } = await read({ name, offset });
    expect(JSON.stringify(structuredContent).length).toBeLessThan(2500);
    expect(structuredContent['text']).toMatch(/\n$/);
    text += String(structuredContent['text']);
    offset = structuredContent['next_offset'];
    if (offset !== undefined)
      expect(structuredContent['note']).toMatch(
        new RegExp(` of ${Buffer.byteLength(LINES)}: call again with offset ${Number(offset)}\\.$`),
      );
  }
  expect(text).toBe(LINES);
  expect(parts).toBeGreaterThan(4);
});

it('read_output gives JSON as JSON, with the digits of long numbers, and broken JSON as text', async () => {
  leaves('result.json');
  const answer = await read();
  expect(answer.content[0]?.['text']).toContain('"json":{"score":12345678901234567890}');
  leaves('broken.json');
  expect((await read()).structuredContent).toMatchObject({ text: '{"score": ' });
});

it('read_output shows a small image, and gives the link of a large one and of what is no text', async () => {
  leaves('chart.png');
  const small = await read();
  expect(small.structuredContent).toEqual({
    name: 'chart.png',
    content_type: 'image/png',
    size: PNG.length,
    download_url: expect.stringMatching(/\/chart\.png$/),
    note: expect.stringContaining('If you do not see the image'),
  });
  expect(small.content[1]).toEqual({ type: 'image', mimeType: 'image/png', data: PNG.toString('base64') });
  leaves('large.png');
  expect((await read()).structuredContent).toMatchObject({
    size: 1_100_000,
    download_url: link('large.png'),
  });
  leaves('model.zip');
  expect((await read()).structuredContent).toEqual({
    name: 'model.zip',
    content_type: 'application/zip',
    size: 6,
    download_url: link('model.zip'),
    note: 'This is neither text nor an image that can be shown: fetch it with your own shell from download_url.',
  });
});

it('read_output gives nothing of an empty file, and nothing behind the end', async () => {
  leaves('empty.txt');
  expect((await read()).structuredContent).toMatchObject({ size: 0, text: '' });
  leaves('notes.md');
  const { structuredContent } = await read({ offset: 1_000_000 });
  expect(structuredContent).toMatchObject({ text: '' });
  expect(structuredContent).not.toHaveProperty('next_offset');
});

it('read_output says which files there are when the name does not tell', async () => {
  leaves('chart.png', 'notes.md');
  expect(errorOf(await read())).toBe(
    'Invalid input. name: is needed: the task has several files; there are: chart.png, notes.md.',
  );
  expect(errorOf(await read({ name: 'note.md' }))).toMatch(
    /^Invalid input\. name: no file of the task is called so; there are: notes\.md/,
  );
  leaves('gone.txt');
  expect(errorOf(await read())).toBe('The file is not there any more: files are kept for some days.');
});

it('read_output of a task without files says what to do', async () => {
  const result = { id: task_id, task_status: 'completed', download_urls: {} };
  runtime.on('GET /r/tasks/:id/result', { json: result });
  expect(errorOf(await read())).toBe('The task has no output files: get_task_result has what it returned.');
  runtime.on('GET /r/tasks/:id/result', { json: { ...result, task_status: 'running' } });
  expect(errorOf(await read())).toBe(
    'The task is running and has no outputs yet. Call stream_task_events, then read_output again.',
  );
});
