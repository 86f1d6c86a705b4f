import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { BOOTSTRAP_KEY, echoWorkflow, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';

let server: RuntimeServer;

const PROPERTIES = `        style: { type: string, enum: [plain, loud], default: plain, description: How it sounds. }
        picture: { type: string, format: file, contentMediaType: image/png }
        ratio: { type: number, minimum: 0.5, maximum: 2 }
        is_last: { type: boolean }`;

beforeAll(async () => {
  server = await RuntimeServer.start({
    'echo.yaml': echoWorkflow('echo', { properties: PROPERTIES }),
    'changing.yaml': echoWorkflow('changing'),
    'leaving.yaml': echoWorkflow('leaving'),
    'tagged.yaml': echoWorkflow('tagged', { metadata: '    tool: true' }).replace(
      'summary: Returns its parameter.',
      'summary: 100% of_it\n  tags: { team: Vision, kind: 3d-model }',
    ),
    'odd-text.yaml': echoWorkflow('odd-text', {
      metadata: '    tool: true',
      properties: String.raw`        odd: { type: string, default: "\0 \ud83d" }`,
    }),
    'costly.yaml': echoWorkflow('costly', { metadata: '    confirm: It takes a GPU for an hour.' }),
    'broken.yaml': 'document: [',
    'notes.txt': 'not a workflow',
  });
});
afterAll(() => server[Symbol.asyncDispose]());

const file = (name: string): string => join(server.folder, name);
const slug = async (name: string) => server.get(`/r/workflows/slug/${name}`);
const run = (name: string, parameters: unknown) =>
  server.call('POST', `/r/workflows/slug/${name}/run`, { parameters });

it('the API lists a workflow, and returns it by id and slug', async () => {
  const { body: list } = await server.get('/r/workflows');
  expect(list.page_meta).toEqual({ current_page: 1, per_page: 20, total_count: 6 });
  const listed = list.workflow_list.find((one: { workflow_slug: string }) => one.workflow_slug === 'echo');
  expect(listed).toMatchObject({
    display_name: 'Echo echo',
    description: 'Returns its parameter.',
    version: 1,
    workflow_status: 'active',
    required_labels: ['local'],
    task_timeout: 0,
    max_retries: 0,
  });
  expect(listed).not.toHaveProperty('parameters');
  for (const { workflow_slug, ...one } of list.workflow_list as { workflow_slug: string }[])
    expect((await slug(workflow_slug)).body).toMatchObject(one);
  const byId = await server.get(`/r/workflows/${listed.id}`);
  expect(byId.body).toEqual((await slug('echo')).body);
  expect(byId.body).toMatchObject(listed);
});

it('a run of a workflow with confirm is refused before it starts, where the client would ask first', async () => {
  const runs = async (header: string | undefined, parameters: object) => {
    const response = await fetch(`${server.origin}/api/v1/r/workflows/slug/costly/run`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${BOOTSTRAP_KEY}`,
        'content-type': 'application/json',
        ...(header !== undefined && { 'cyberun-confirm': header }),
      },
      body: JSON.stringify({ parameters }),
    });
    return { status: response.status, text: await response.text() };
  };
  expect((await slug('costly')).body.confirm).toBe('It takes a GPU for an hour.');
  expect((await slug('echo')).body).not.toHaveProperty('confirm');
  const refused = await runs('ask', { text: 'hi' });
  expect(refused.status).toBe(428);
  expect(refused.text).toContain('It takes a GPU for an hour. Nothing was started.');
  expect(refused.text).toContain('send the run to /r/workflows/slug/costly@1/run without the header');
  expect((await runs('ask', { text: 5 })).status).toBe(400);
  expect((await runs('yes', { text: 'hi' })).text).toContain('must be \\"ask\\"');
  expect((await server.get('/r/tasks?workflow_slug=costly')).body.page_meta.total_count).toBe(0);
  expect((await runs(undefined, { text: 'hi' })).status).toBe(202);
});

it.each([
  ['leaving', ['leaving']],
  ['ECHO parameter', ['changing', 'costly', 'echo', 'leaving']],
  ['vision', ['tagged']],
  ['3d-model 100%', ['tagged']],
  ['of_it', ['tagged']],
  ['of-it', []],
  ['%', ['tagged']],
  ['odd', ['odd-text']],
  ['echo nothing', []],
  ['  ', ['changing', 'costly', 'echo', 'leaving', 'odd-text', 'tagged']],
])('a search for "%s" finds the workflows with all of its words', async (query, slugs) => {
  const { body } = await server.get(`/r/workflows?query=${encodeURIComponent(query)}`);
  const found = (body.workflow_list as { workflow_slug: string }[]).map(({ workflow_slug }) => workflow_slug);
  expect(found.toSorted()).toEqual(slugs);
  expect(body.page_meta).toMatchObject({ total_count: slugs.length });
});

it('the workflows that are tools of their own are listed with their parameters', async () => {
  const { body } = await server.get('/r/workflows?is_tool=true');
  expect(body.page_meta).toMatchObject({ total_count: 2 });
  const found = body.workflow_list as { workflow_slug: string; id: string }[];
  expect(found.map(({ workflow_slug }) => workflow_slug).toSorted()).toEqual(['odd-text', 'tagged']);
  for (const one of found) expect((await server.get(`/r/workflows/${one.id}`)).body).toEqual(one);
  expect(found).toEqual(found.map(() => expect.objectContaining({ is_tool: true })));
  expect((await server.get('/r/workflows?query=tagged')).body.workflow_list[0]).toMatchObject({
    is_tool: true,
  });
});

it('a workflow has the tags of its definition', async () => {
  expect((await slug('tagged')).body).toMatchObject({ tags: { team: 'Vision', kind: '3d-model' } });
});

it('a workflow shows its parameters with types, and their JSON Schema', async () => {
  const { parameters, parameters_schema } = (await slug('echo')).body;
  expect(parameters_schema).toMatchObject({
    type: 'object',
    properties: { ratio: { type: 'number', minimum: 0.5, maximum: 2 } },
  });
  expect(parameters).toEqual([
    { key: 'text', type: 'string', label: 'Text', required: true },
    { key: 'times', type: 'integer', label: 'times', required: false, min: 1, max: 5, default: 2 },
    {
      key: 'style',
      type: 'select',
      label: 'style',
      required: false,
      options: ['plain', 'loud'],
      default: 'plain',
      description: 'How it sounds.',
    },
    { key: 'picture', type: 'file', label: 'picture', required: false, accept: ['image/png'] },
    { key: 'ratio', type: 'number', label: 'ratio', required: false, min: 0.5, max: 2 },
    { key: 'is_last', type: 'boolean', label: 'is_last', required: false },
  ]);
});

it.each([
  [{}, '"text" is required'],
  [{ text: 5 }, '"text" must be string'],
  [{ text: 'x'.repeat(21) }, '"text" must NOT have more than 20 characters'],
  [{ text: 'x', times: 9 }, '"times" must be <= 5'],
  [{ text: 'x', times: 1.5 }, '"times" must be integer'],
  [{ text: 'x', style: 'odd' }, '"style" must be one of ["plain","loud"]'],
  [{ text: 'x', colour: 'red' }, '"colour" is not one this workflow takes'],
  ['text', 'parameters must be an object'],
  [[], 'parameters must be an object'],
])('a workflow refuses %j with parameter and rule', async (parameters, reason) => {
  const refused = await run('echo', parameters);
  expect(refused.status).toBe(400);
  expect(refused.body.error_message).toContain(reason);
});

it('an unknown workflow gets a 404', async () => {
  expect((await slug('unknown')).status).toBe(404);
  expect((await slug('echo@2')).status).toBe(404);
  expect((await slug('echo@x')).status).toBe(404);
  expect((await run('unknown', {})).status).toBe(404);
});

it('a workflow gets a new version when its file changes, and the old one stays usable', async () => {
  await writeFile(
    file('changing.yaml'),
    echoWorkflow('changing', { properties: '        more: { type: string }' }),
  );
  await vi.waitFor(async () => expect((await slug('changing')).body.version).toBe(2), { timeout: 60_000 });
  expect((await slug('changing')).body.parameters).toHaveLength(3);
  const { body: old } = await slug('changing@1');
  expect(old).toMatchObject({ version: 1 });
  expect(old.parameters).toHaveLength(2);

  expect((await run('changing@1', { text: 'x', more: 'y' })).body.error_message).toContain('"more"');
  expect((await run('changing@2', { text: 'x', more: 'y' })).status).toBe(202);
  const { body: accepted } = await run('changing@1', { text: 'x' });
  expect((await server.get(`/r/tasks/${accepted.task_id}`)).body.workflow_version).toBe(1);
});

it('a workflow keeps its last good version while its file is broken', async () => {
  const { version } = (await slug('changing')).body;
  await writeFile(file('changing.yaml'), 'document: { dsl: 7 }');
  await writeFile(file('fresh.yaml'), echoWorkflow('fresh'));
  await vi.waitFor(async () => expect((await slug('fresh')).status).toBe(200), { timeout: 60_000 });
  expect((await slug('changing')).body).toMatchObject({ version, workflow_status: 'active' });
});

it('an unreadable file does not prevent a workflow from loading', async () => {
  await mkdir(file('folder.yaml'));
  await writeFile(file('alias.yaml'), 'a: 1\nb: *unknown\n');
  await writeFile(file('beside.yaml'), echoWorkflow('beside'));
  await vi.waitFor(async () => expect((await slug('beside')).status).toBe(200), { timeout: 60_000 });
  await rm(file('folder.yaml'), { recursive: true });
});

it('a workflow accepts no runs once its file is removed, and says why', async () => {
  await rm(file('leaving.yaml'));
  await vi.waitFor(async () => expect((await slug('leaving')).body.workflow_status).toBe('disabled'), {
    timeout: 60_000,
  });
  expect(await run('leaving', { text: 'x' })).toMatchObject({
    status: 409,
    body: { error_message: expect.stringContaining('disabled') },
  });
  await writeFile(file('leaving.yaml'), echoWorkflow('leaving'));
  await vi.waitFor(
    async () => expect((await slug('leaving')).body).toMatchObject({ workflow_status: 'active', version: 1 }),
    { timeout: 60_000 },
  );
});
