import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { until } from '../support/processes.js';
import { ServerProcess } from '../support/server.js';
import { BOOTSTRAP_KEY, echoWorkflow } from '../e2e/runtime-support/runtime-fixture.js';

let home: string;
let server: ServerProcess;

const service = (title: string): string => `slug: counter\ndisplay_name: ${title}\ncommand: [node, x.mjs]\n`;
const workflow = (title: string): string =>
  echoWorkflow('fails').replace('title: Echo fails', `title: ${title}`);

const workflowFile = (name: string): string => join(home, 'workflows', name);
const serviceFile = (name: string): string => join(home, 'services', name);
const start = (more: Record<string, string> = {}) =>
  ServerProcess.start(
    {
      CYBERUN_BOOTSTRAP_KEY: BOOTSTRAP_KEY,
      CYBERUN_DATA_DIR: join(home, 'data'),
      CYBERUN_WORKFLOWS_DIR: join(home, 'workflows'),
      CYBERUN_SERVICES_DIR: join(home, 'services'),
      ...more,
    },
    ['--role', 'runtime'],
  );

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'cyberun-definitions-'));
  await Promise.all(['workflows', 'services', 'data'].map((folder) => mkdir(join(home, folder))));
  await writeFile(workflowFile('fails.yaml'), workflow('The original'));
  await writeFile(serviceFile('counter.yaml'), service('The original'));
  server = await start();
});
afterAll(async () => {
  await server.end();
  await rm(home, { recursive: true, force: true });
});

const nameOf = async (path: string): Promise<string> => {
  const response = await fetch(`${server.api}${path}`, {
    headers: { authorization: `Bearer ${BOOTSTRAP_KEY}` },
  });
  return ((await response.json()) as { display_name: string }).display_name;
};
const workflowName = () => nameOf('/r/workflows/slug/fails');
const serviceName = () => nameOf('/r/containers/counter');
const logged = (sentence: string): number => server.log.filter((line) => line.includes(sentence)).length;
const toBeLogged = (sentence: string) => until(() => Promise.resolve(logged(sentence) > 0));

it('the server logs the number of workflows and services at start', () => {
  expect(logged(`1 workflow defined in ${join(home, 'workflows')}: fails`)).toBe(1);
  expect(logged(`1 service defined in ${join(home, 'services')}: counter`)).toBe(1);
});

it('the server logs each definition that is added, changed or removed', async () => {
  await writeFile(workflowFile('new.yaml'), echoWorkflow('new'));
  await toBeLogged('new.yaml: workflow \\"new\\" is new');
  await writeFile(workflowFile('new.yaml'), 'document: [');
  await toBeLogged('new.yaml:1:');
  await writeFile(workflowFile('new.yaml'), echoWorkflow('new'));
  await toBeLogged('new.yaml: workflow \\"new\\" is as it was');
  await writeFile(workflowFile('new.yaml'), echoWorkflow('new', { labels: 'gpu' }));
  await toBeLogged('new.yaml: workflow \\"new\\" is changed');
  await rm(workflowFile('new.yaml'));
  await toBeLogged('new.yaml: workflow \\"new\\" is no longer defined');
  expect(logged('is new')).toBe(1);
});

it('a copy of a definition file is logged once and does not replace the first', async () => {
  await writeFile(workflowFile('another.yaml'), workflow('The copy'));
  await writeFile(serviceFile('another.yaml'), service('The copy'));
  await toBeLogged('another.yaml:1: fails.yaml defines \\"fails\\"');
  await toBeLogged('another.yaml:1: counter.yaml defines \\"counter\\"');
  await writeFile(workflowFile('beside.yaml'), echoWorkflow('beside'));
  await toBeLogged('beside.yaml: workflow');
  expect(logged('another.yaml:1: fails.yaml')).toBe(1);
  expect([await workflowName(), await serviceName()]).toEqual(['The original', 'The original']);
});

it('the first file of a workflow stays in use over a restart, even while it is broken', async () => {
  await server.end();
  await writeFile(workflowFile('fails.yaml'), 'document: [');
  server = await start();
  await writeFile(workflowFile('beside.yaml'), echoWorkflow('beside', { labels: 'gpu' }));
  await toBeLogged('beside.yaml: workflow');
  expect(await workflowName()).toBe('The original');
});

it('the copy of a definition file replaces it when it is removed or renamed', async () => {
  await rm(workflowFile('fails.yaml'));
  await until(async () => (await workflowName()) === 'The copy');
  await rename(workflowFile('another.yaml'), workflowFile('renamed.yaml'));
  await toBeLogged('renamed.yaml: workflow \\"fails\\" is as it was');
  expect(await workflowName()).toBe('The copy');
});

it.each(['CYBERUN_WORKFLOWS_DIR', 'CYBERUN_SERVICES_DIR'])(
  'a missing folder in %s stops the start',
  async (setting) => {
    const folder = join(home, 'nowhere');
    const refused = start({ CYBERUN_DATA_DIR: join(home, 'other'), [setting]: folder });
    await expect(refused).rejects.toThrow(
      `cyberun-mcp: ${setting} is "${folder}", but there is no such folder. Make it, or name another one.`,
    );
  },
);
