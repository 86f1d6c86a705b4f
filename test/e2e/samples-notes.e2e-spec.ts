import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';

import { packagePaths } from '../../src/config/index.js';

interface Definition {
  readonly command: readonly string[];
  readonly health_path: string;
  readonly openapi_url: string;
  readonly usage_prompt: string;
}
interface OpenApi {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, { readonly responses: object }>>;
}

const TOO_LARGE = 32 * 1024 * 1024 + 1;

let folder: string;
let service: ChildProcess;
let origin: string;
let definition: Definition;

const call = (
  method: string,
  path: string,
  body?: string | Uint8Array<ArrayBuffer>,
  type = 'application/json',
) =>
  fetch(`${origin}${path}`, {
    method,
    ...(body !== undefined && { body, headers: { 'Content-Type': type } }),
  });
const api = async (method: string, path: string, body?: object) => {
  const response = await call(method, path, body && JSON.stringify(body));
  const text = await response.text();
  return {
    status: response.status,
    answer: text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>),
  };
};

const start = async (): Promise<void> => {
  const [, ...args] = definition.command;
  const env = { PORT: '0', CYBERUN_SERVICE_DIR: folder, NOTES_MAX_COUNT: '20' };
  service = spawn(process.execPath, args, { cwd: packagePaths.services, env });
  if (!service.stdout) throw new Error('no output');
  for await (const line of createInterface(service.stdout)) {
    origin = `http://${line.replace('notes on ', '')}`;
    break;
  }
};
const end = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<unknown> => {
  const ended = new Promise((resolve) => service.once('exit', resolve));
  service.kill(signal);
  return ended;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-notes-'));
  const text = await readFile(join(packagePaths.services, 'notes.yaml'), 'utf8');
  definition = parse(text) as Definition;
  await start();
});
afterAll(async () => {
  expect(await end()).toBe(0);
  await rm(folder, { recursive: true, force: true });
});

it('the notes service keeps a note until it is deleted', async () => {
  const { status, answer } = await api('POST', '/notes', { title: 'Milk', tags: ['shop'] });
  expect(status).toBe(201);
  expect(answer).toMatchObject({ title: 'Milk', text: '', tags: ['shop'] });
  const path = `/notes/${String(answer?.['id'])}`;
  expect((await api('PATCH', path, { text: 'two litres' })).answer).toMatchObject({
    title: 'Milk',
    text: 'two litres',
  });
  expect((await api('GET', path)).answer).toMatchObject({ text: 'two litres' });
  expect((await api('DELETE', path)).status).toBe(204);
  expect(await api('GET', path)).toMatchObject({
    status: 404,
    answer: { error_message: expect.any(String) },
  });
  expect((await api('DELETE', path)).status).toBe(404);
});

it('the notes service finds notes by words and tag, last changed first, page by page', async () => {
  for (const title of ['Alpha one', 'Beta one', 'Gamma two']) {
    await api('POST', '/notes', { title, text: 'Search me', tags: ['found'] });
  }
  const titles = async (query: string) => {
    const { answer } = await api('GET', `/notes?${query}`);
    return ((answer?.['notes'] ?? []) as { title: string }[]).map(({ title }) => title);
  };
  expect(await titles('tag=found')).toEqual(['Gamma two', 'Beta one', 'Alpha one']);
  expect(await titles('q=SEARCH%20one')).toEqual(['Beta one', 'Alpha one']);
  expect(await titles('tag=found&limit=1&offset=1')).toEqual(['Beta one']);
  expect((await api('GET', '/notes?tag=found&limit=1')).answer).toMatchObject({ total: 3 });
  expect(await titles('q=nowhere')).toEqual([]);
});

it('the notes service gives the bytes of an attachment back, with their type', async () => {
  const bytes = randomBytes(3_000_000);
  expect((await call('PUT', '/attachments/noise.bin', bytes, 'image/x-noise')).status).toBe(201);
  expect((await call('PUT', '/attachments/noise.bin', bytes, 'image/x-noise')).status).toBe(204);
  const back = await call('GET', '/attachments/noise.bin');
  expect(back.headers.get('content-type')).toBe('image/x-noise');
  expect(Buffer.from(await back.arrayBuffer()).equals(bytes)).toBe(true);
  expect((await call('HEAD', '/attachments/noise.bin')).headers.get('content-length')).toBe('3000000');
  expect((await api('GET', '/attachments')).answer).toEqual({
    attachments: [{ name: 'noise.bin', content_type: 'image/x-noise', size: bytes.length }],
  });
  expect((await api('DELETE', '/attachments/noise.bin')).status).toBe(204);
  expect((await api('GET', '/attachments/noise.bin')).status).toBe(404);
});

it('the notes service keeps everything when it is killed and restarted', async () => {
  const { answer } = await api('POST', '/notes', { title: 'Stays', tags: ['stays'] });
  await call('PUT', '/attachments/stays.txt', 'as it was', 'text/x-stays');
  await end('SIGKILL');
  await start();
  expect((await api('GET', '/notes?tag=stays')).answer).toEqual({ notes: [answer], total: 1 });
  const back = await call('GET', '/attachments/stays.txt');
  expect([back.headers.get('content-type'), await back.text()]).toEqual(['text/x-stays', 'as it was']);
});

it.each([
  ['no title', 'POST /notes', '{}', [400, 'title is required.']],
  ['an unknown field', 'POST /notes', '{"title":"x","color":1}', [400, 'color']],
  ['text that is no text', 'POST /notes', '{"title":"x","text":1}', [400, 'text must be']],
  ['a list', 'POST /notes', '[]', [400, 'JSON object']],
  ['no JSON', 'POST /notes', '{', [400, 'not JSON']],
  ['a limit out of range', 'GET /notes?limit=0', undefined, [400, 'limit must be']],
  ['a name that climbs', 'PUT /attachments/..%2fetc', 'x', [400, 'An attachment name']],
  ['a bad escape', 'GET /notes/%zz', undefined, [400, 'percent']],
  ['no such path', 'GET /nowhere', undefined, [404, '/openapi.json']],
  ['a method it does not take', 'PUT /notes', '{}', [405, 'GET, POST']],
] as const)('the notes service refuses %s', async (_what, request, body, [status, words]) => {
  const [method = '', path = ''] = request.split(' ');
  const response = await call(method, path, body);
  expect(response.status).toBe(status);
  expect(await response.json()).toEqual({ error_message: expect.stringContaining(words) });
});

it('the notes service refuses too large notes and attachments', async () => {
  expect((await call('PUT', '/attachments/huge', new Uint8Array(TOO_LARGE))).status).toBe(413);
  const adding = Array.from({ length: 21 }, (_none, index) =>
    api('POST', '/notes', { title: `Note ${index}` }),
  );
  expect((await Promise.all(adding)).map(({ status }) => status)).toContain(507);
});

it('the OpenAPI document of the notes service has exactly its paths and methods', async () => {
  const { answer } = await api('GET', definition.openapi_url);
  const { openapi, paths } = answer as unknown as OpenApi;
  expect(openapi).toBe('3.1.0');
  for (const [path, operations] of Object.entries(paths)) {
    const place = path.replace(/{\w+}/, 'none');
    for (const method of ['get', 'post', 'put', 'patch', 'delete']) {
      const { status } = await call(method.toUpperCase(), place, method === 'get' ? undefined : '{}');
      expect([method, path, status === 405]).toEqual([method, path, operations[method] === undefined]);
    }
  }
  expect((await call('GET', definition.health_path)).status).toBe(200);
});

it('the notes service describes every path for a model', async () => {
  const { answer } = await api('GET', definition.openapi_url);
  for (const path of Object.keys((answer as unknown as OpenApi).paths)) {
    if (path === definition.health_path) continue;
    expect(definition.usage_prompt).toContain(path.replace(/{id}/, 'ID').replace(/{name}/, 'NAME'));
  }
});
