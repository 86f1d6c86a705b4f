import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { TEAM_ID } from '../../src/runtime/database/index.js';
import { type Audience, FilesService } from '../../src/runtime/files/index.js';
import { keysOf } from '../e2e/agent-support/agent-fixture.js';
import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { inherited } from '../support/command-line.js';
import { fileOf, SMALL_PART } from '../support/multipart-promises.js';
import { until } from '../support/processes.js';
import { FLAGS } from '../support/setup.js';
import { PartsUpload, type Presigned, putBytes } from '../support/upload-in-parts.js';

/** No machine finds this host; clients in front of a cluster would. */
const PUBLIC = 'http://files.invalid/cyberun';
/** As a name inside the cluster is for clients. */
const INSIDE = 'http://gateway.invalid:8080/inside';

const COPY = `document:
  dsl: '1.0.0'
  namespace: tests
  name: copy
  version: '1.0.0'
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
          command: cp "$1" output/large.bin; wc -c < "$1" > output/size.txt
          arguments: ['\${ .file }']
`;

let folder: string;
let server: RuntimeServer;
let agent: ChildProcess;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-agent-links-'));
  server = await RuntimeServer.start(
    { 'copy.yaml': COPY },
    { env: { CYBERUN_HTTP_PUBLIC_URL: PUBLIC }, limits: { partBytes: SMALL_PART } },
  );
  agent = await startAgent();
});
afterAll(async () => {
  agent?.kill('SIGKILL');
  await server?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** An agent on another machine, with a key of its own, which reaches the runtime by its address in the cluster. */
async function startAgent(): Promise<ChildProcess> {
  const { raw_key } = await keysOf(server).create({ kind: 'agent', display_name: 'agent' });
  await writeFile(join(folder, 'agent.key'), raw_key);
  const options = {
    gateway: server.origin,
    id: 'a1',
    labels: 'local',
    'work-dir': join(folder, 'work'),
    'key-file': join(folder, 'agent.key'),
  };
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(process.execPath, [...FLAGS, packagePaths.entry, 'agent', ...flags], {
    env: { ...inherited(), CYBERUN_LOGGER_LEVEL: 'error' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  await until(async () => (await server.get('/r/agents')).body.agent_list.length === 1);
  return child;
}

/** What a proxy in front of the runtime does with the address of a link. */
const reached = (link: string): string => server.origin + link.slice(link.indexOf('/api/v1/'));

const presigned = async (file_size: number): Promise<Presigned> => {
  const wanted = { file_name: 'in.bin', file_size, content_type: 'application/octet-stream' };
  return (await server.call('POST', '/r/files/presign', wanted)).body as Presigned;
};

it('a run reads and leaves small and large files although its agent cannot reach the public address', async () => {
  const file = fileOf(SMALL_PART);
  const { file_key, upload_url, upload_headers, multipart } = await presigned(file.length);
  expect(upload_url.startsWith(`${PUBLIC}/api/v1/files/`)).toBe(true);
  expect(multipart?.start_url.startsWith(`${PUBLIC}/api/v1/uploads/`)).toBe(true);
  expect((await putBytes(reached(upload_url), upload_headers, file)).status).toBe(200);

  const id = await server.submit('copy', { file: file_key });
  await until(async () =>
    ['completed', 'failed'].includes((await server.get(`/r/tasks/${id}`)).body.task_status),
  );

  const { body } = await server.get(`/r/tasks/${id}/result`);
  expect(body).toMatchObject({ task_status: 'completed' });
  const { 'large.bin': large, 'size.txt': size } = body.download_urls as Record<string, string>;
  expect(large?.startsWith(`${PUBLIC}/api/v1/links/`)).toBe(true);
  expect(Buffer.from(await (await fetch(reached(large ?? ''))).bytes()).equals(file)).toBe(true);
  expect((await (await fetch(reached(size ?? ''))).text()).trim()).toBe(String(file.length));
});

const files = () => server.app.get(FilesService, { strict: false });
const team = () => server.app.get<string>(TEAM_ID, { strict: false });
const inputFor = async (audience: Audience): Promise<string> => {
  const { file_key, upload_url, upload_headers } = await presigned(5);
  await putBytes(reached(upload_url), upload_headers, Buffer.from('hello'));
  return (await files().inputLink(team(), file_key, audience)).url;
};

it.each<Audience>(['public', 'loopback', INSIDE])('a link for %s opens the file', async (audience) => {
  const link = await inputFor(audience);
  const begins = { public: PUBLIC, loopback: server.origin }[audience as string] ?? INSIDE;
  expect(link.startsWith(`${begins}/api/v1/files/`)).toBe(true);
  expect(await (await fetch(reached(link))).text()).toBe('hello');
});

it('a link whose address was changed, removed or added is refused', async () => {
  const [inside, outside] = [new URL(await inputFor(INSIDE)), new URL(await inputFor('public'))];
  const name = 'cyberun-origin';
  expect(inside.searchParams.get(name)).toBe(INSIDE);
  const changed = (link: URL, address?: string): string => {
    const copy = new URL(reached(link.href));
    if (address === undefined) copy.searchParams.delete(name);
    else copy.searchParams.set(name, address);
    return copy.href;
  };
  const refused = [
    changed(inside),
    changed(inside, PUBLIC),
    changed(inside, server.origin),
    changed(inside, 'no address'),
    changed(outside, INSIDE),
    changed(outside, PUBLIC),
  ];
  for (const link of refused) expect([link, (await fetch(link)).status]).toEqual([link, 403]);
});

it('an upload in parts by an agent goes to the address that the agent has dialled', async () => {
  const run = { teamId: team(), taskId: '0199c0de-0000-7000-8000-000000000001', attempt: 1 };
  const file = { name: 'parts.bin', size: 2.25 * SMALL_PART, content_type: 'text/plain' };
  await files().announceOutputs(run, [file]);
  const { multipart } = await files().outputUpload(run, file, INSIDE);
  expect(multipart?.start_url.startsWith(`${INSIDE}/api/v1/uploads/`)).toBe(true);
  if (!multipart) return;
  const begun = await fetch(reached(multipart.start_url), { method: 'POST' });
  const answer = (await begun.json()) as Record<string, string>;
  for (const name of ['parts_url', 'complete_url', 'abort_url'])
    expect(answer[name]?.startsWith(`${INSIDE}/api/v1/uploads/`)).toBe(true);
  const { parts } = (await (await fetch(reached(answer['parts_url'] ?? ''))).json()) as Awaited<
    ReturnType<PartsUpload['parts']>
  >;
  expect(parts.map(({ upload_url }) => upload_url.startsWith(`${INSIDE}/api/v1/files/`))).toEqual(
    Array.from({ length: 3 }, () => true),
  );
  const [first] = parts;
  const bytes = Buffer.alloc(SMALL_PART, 1);
  expect((await putBytes(reached(first?.upload_url ?? ''), first?.upload_headers ?? {}, bytes)).status).toBe(
    200,
  );
});
