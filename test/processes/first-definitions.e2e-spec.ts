import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { inherited, temporaryFolder } from '../support/command-line.js';
import { MarkdownFile } from '../support/documents.js';
import { ServerProcess } from '../support/server.js';
import { FLAGS } from '../support/setup.js';

const WORKFLOWS = new MarkdownFile('docs/workflows.md');
const SERVICES = new MarkdownFile('docs/services.md');

/** What the pages tell their reader to save. */
const FILES: Readonly<Record<string, string | undefined>> = {
  'my-workflows/word-count.yaml': WORKFLOWS.snippets('yaml')[0]?.text,
  'my-services/greeter.yaml': SERVICES.snippets('yaml')[0]?.text,
  'my-services/greeter/server.mjs': SERVICES.snippets('js')[0]?.text,
};

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let server: ServerProcess;

beforeAll(async () => {
  folder = await temporaryFolder();
  for (const [path, text = ''] of Object.entries(FILES)) {
    await mkdir(dirname(join(folder.path, path)), { recursive: true });
    await writeFile(join(folder.path, path), text);
  }
  server = await ServerProcess.start({
    CYBERUN_WORKFLOWS_DIR: join(folder.path, 'my-workflows'),
    CYBERUN_SERVICES_DIR: join(folder.path, 'my-services'),
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** Runs the first shell commands of a page in the folder of its reader, whose server has been started. */
async function follow(page: MarkdownFile): Promise<string> {
  const [start, use] = page.snippets('sh').map(({ text }) => text);
  const script = [
    'set -eu',
    'npm() { :; }',
    `npx() { shift; "$NODE" ${FLAGS.join(' ')} "$ENTRY" "$@"; }`,
    start,
    use,
  ];
  const { origin, host } = new URL(server.endpoint);
  const env = {
    ...inherited(),
    NODE: process.execPath,
    ENTRY: packagePaths.entry,
    CYBERUN_URL: origin,
    CYBERUN_API_KEY: server.key,
  };
  const here = script.join('\n').replaceAll('127.0.0.1:8080', host);
  const { stdout } = await promisify(execFile)('/bin/sh', ['-c', here], { cwd: folder.path, env });
  return stdout;
}

it('the first workflow of docs/workflows.md is checked, runs and has a result', async () => {
  expect(await follow(WORKFLOWS)).toMatch(/\n3\n$/);
});

it('the first service of docs/services.md is checked, runs and answers', async () => {
  await expect.poll(() => server.log.join('\n')).toContain('service greeter is running');
  expect(await follow(SERVICES)).toMatch(/running[^]*\{"greeting":"Good morning, Ada\."\}/);
});
