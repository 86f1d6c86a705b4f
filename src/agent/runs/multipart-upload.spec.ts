import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { storeOutputs } from './transfers.js';

const TEXT = 'abcdefghij';
const SIZES = [4, 4, 2];
let folder: string;
let path: string;
let server: Server;
let origin: string;
/** What the store got, as "METHOD /path body". */
let seen: string[];
/** Statuses of the next answers, by request. */
let failures: Record<string, number[]>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-parts-'));
  path = join(folder, 'large.txt');
  await writeFile(path, TEXT);
  server = createServer((request, response) => {
    void request
      .setEncoding('utf8')
      .toArray()
      .then((chunks) => {
        const name = `${request.method} ${request.url}`;
        seen.push(`${name} ${chunks.join('')}`.trim());
        const failure = failures[name]?.shift();
        response.writeHead(failure ?? 200).end(failure === undefined ? answerTo(request.url ?? '') : '');
      });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  seen = [];
  failures = {};
});

function answerTo(url: string): string {
  const links = {
    parts_url: `${origin}/parts`,
    complete_url: `${origin}/complete`,
    abort_url: `${origin}/abort`,
  };
  if (url === '/start') return JSON.stringify({ part_size: 4, part_count: 3, ...links });
  const from = Number(/^\/parts\?from=(\d)$/.exec(url)?.[1]);
  // Two links per answer.
  const parts = SIZES.map((part_size, index) => ({
    part_number: index + 1,
    part_size,
    upload_url: `${origin}/part-${index + 1}`,
    upload_headers: { 'Content-Length': String(part_size) },
  })).slice(from - 1, from + 1);
  return from > 0 ? JSON.stringify({ parts }) : '{}';
}

const store = () =>
  storeOutputs(
    [{ path: Buffer.from(path), file: { name: 'large.txt', size: TEXT.length, content_type: 'text/plain' } }],
    {
      uploads: () =>
        Promise.resolve([
          {
            name: 'large.txt',
            url: `${origin}/single`,
            headers: {},
            multipart: { start_url: `${origin}/start`, part_size: 4, part_count: 3 },
          },
        ]),
      isRuntimeAway: () => false,
      isResumed: false,
      signal: new AbortController().signal,
    },
  );

it('a part that fails is sent again, and no other', async () => {
  failures = { 'PUT /part-2': [503] };
  expect(await store()).toMatchObject({ warnings: [] });
  expect(seen).toEqual([
    'POST /start',
    'GET /parts?from=1',
    'PUT /part-1 abcd',
    'PUT /part-2 efgh',
    'PUT /part-2 efgh',
    'GET /parts?from=3',
    'PUT /part-3 ij',
    'POST /complete',
  ]);
});

it('an upload is aborted when a part is refused', async () => {
  failures = { 'PUT /part-1': [403] };
  await expect(store()).rejects.toThrow('Output large.txt cannot be stored: the file store answered 403.');
  expect(seen.at(-1)).toBe('DELETE /abort');
});

it('a file whose completion was answered twice counts as stored', async () => {
  failures = { 'POST /complete': [502, 412] };
  expect(await store()).toMatchObject({ files: [{ name: 'large.txt' }], warnings: [] });
});
