import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { BOOTSTRAP_KEY, echoWorkflow } from '../e2e/runtime-support/runtime-fixture.js';
import { ServerProcess } from '../support/server.js';

const headers = { authorization: `Bearer ${BOOTSTRAP_KEY}` };

let home: string;
let server: ServerProcess;

/** A folder as Kubernetes mounts a ConfigMap: the files are links through `..data`, which is itself a link. */
async function publish(revision: string, files: Record<string, string>): Promise<void> {
  const real = join(home, 'mounted', revision);
  await mkdir(real, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(real, name), text);
    await symlink(join('..data', name), join(home, 'mounted', name)).catch(() => undefined);
  }
  await repoint(join(home, 'mounted', '..data'), revision);
}

/** Replaces a link in one step, as `ln -sfn` and Kubernetes do. */
async function repoint(link: string, target: string): Promise<void> {
  await symlink(target, `${link}.next`);
  await rename(`${link}.next`, link);
}

const titled = (name: string, title: string): string =>
  echoWorkflow(name).replace(`title: Echo ${name}`, `title: ${title}`);

const titleOf = async (slug: string): Promise<string | undefined> => {
  const response = await fetch(`${server.api}/r/workflows/slug/${slug}`, { headers });
  return ((await response.json()) as { display_name?: string }).display_name;
};
const POLL = { timeout: 60_000 };
const logged = (sentence: string): boolean => server.log.some((line) => line.includes(sentence));

const start = (folder: string) =>
  ServerProcess.start(
    {
      CYBERUN_BOOTSTRAP_KEY: BOOTSTRAP_KEY,
      CYBERUN_WORKFLOWS_DIR: folder,
      CYBERUN_SERVICES_DIR: join(home, 'services'),
    },
    ['--role', 'runtime'],
  );

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'cyberun-definition-files-'));
  await mkdir(join(home, 'services'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

it('the server reads a definition file by its name, or logs why not', async () => {
  const folder = join(home, 'names');
  await mkdir(folder);
  const inFolder = (name: string) => join(folder, name);
  await writeFile(inFolder('short.yml'), echoWorkflow('short'));
  await writeFile(inFolder('loud.YAML'), echoWorkflow('loud'));
  await writeFile(inFolder('data.json'), '{}');
  await writeFile(inFolder('copy.yaml.bak'), echoWorkflow('copy'));
  await writeFile(inFolder('large.yaml'), `# ${'x'.repeat(1024 * 1024)}\n${echoWorkflow('large')}`);
  await writeFile(
    inFolder('latin.yaml'),
    Buffer.from(echoWorkflow('latin').replace('Echo', '\xe9'), 'latin1'),
  );
  await mkdir(inFolder('folder.yaml'));
  execFileSync('mkfifo', [inFolder('pipe.yaml')]);
  server = await start(folder);
  await using _ = server;

  expect(logged(`2 workflows defined in ${folder}: loud, short`)).toBe(true);
  for (const name of ['data.json', 'copy.yaml.bak']) {
    expect(logged(`${name} is ignored: a definition is a file whose name ends in .yaml or .yml`)).toBe(true);
  }
  expect(logged('a definition has at most 1048576')).toBe(true);
  expect(logged('latin.yaml:1: it is not UTF-8')).toBe(true);
  for (const name of ['folder.yaml', 'pipe.yaml']) expect(logged(`${name}:1: it is not a file`)).toBe(true);
});

it('the server reads a definition file again when a link in its path changes', async () => {
  await publish('first', { 'echo.yaml': titled('echo', 'First') });
  server = await start(join(home, 'mounted'));
  await using _ = server;
  await expect.poll(() => titleOf('echo'), POLL).toBe('First');
  await publish('second', { 'echo.yaml': titled('echo', 'Second') });
  await expect.poll(() => titleOf('echo'), POLL).toBe('Second');
});

it('the server reads definition files again when their folder is a link that changes', async () => {
  for (const release of ['one', 'two']) {
    await mkdir(join(home, release));
    await writeFile(join(home, release, 'echo.yaml'), titled('echo', release));
  }
  await symlink('one', join(home, 'current'));
  server = await start(join(home, 'current'));
  await using _ = server;
  await expect.poll(() => titleOf('echo'), POLL).toBe('one');
  await repoint(join(home, 'current'), 'two');
  await expect.poll(() => titleOf('echo'), POLL).toBe('two');
  // The folder behind the link is the one that is watched now.
  await writeFile(join(home, 'two', 'echo.yaml'), titled('echo', 'three'));
  await expect.poll(() => titleOf('echo'), POLL).toBe('three');
});
