import { cpSync, globSync, mkdirSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { extname, join, relative } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { CLIENTS } from '../support/clients.js';
import { compiledGlossary } from '../support/compiled-glossary.js';
import { MarkdownFile } from '../support/documents.js';
import { InstalledFolder, packed, type Packed } from './installed-folder.js';
import { NpxServer } from './npx-server.js';

const KEY = 'sk-package-test-0123456789';
const SETTINGS = { CYBERUN_BOOTSTRAP_KEY: KEY };
/** What needs a registry is done before; `npm test` is not. */
const NPM = 'npm() { if [ "$1" = test ]; then command npm "$@"; fi; }\n';
const EXAMPLE = 'examples/extension';
const [connect] = CLIENTS.map((each) => each.connect);
if (!connect) throw new Error('there are no clients');

const tarballs = new InstalledFolder();
/** Where the package is installed; users of it work in folders of their own below it. */
const operator = new InstalledFolder();
let server: Packed & { files: string[] };

beforeAll(async () => {
  server = await packed(packagePaths.root, tarballs.path);
  await operator.install(server, ['typescript', '@types/node', 'undici-types']);
});
afterAll(async () => {
  for (const folder of [tarballs, operator]) await folder[Symbol.asyncDispose]();
});

/** Paths of the files of a folder of this repository, in the repository. */
const filesOf = (folder: string, pattern = '**/*'): string[] =>
  globSync(pattern, { cwd: join(packagePaths.root, folder), withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(packagePaths.root, join(entry.parentPath, entry.name)));

function folderOf(name: string): string {
  const folder = join(operator.path, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** What a browser gets at the address of a server. */
async function pageOf({ endpoint }: NpxServer): Promise<string> {
  const response = await fetch(new URL('/', endpoint), { headers: { Accept: 'text/html' } });
  return response.text();
}

it('the package has what a server needs, and nothing of its development', () => {
  const built = filesOf('dist').filter((file) => !file.endsWith('.map'));
  const others = [filesOf('docs', '{,clients/}*.md'), filesOf('services'), filesOf('workflows')].flat();
  const expected = ['LICENSE', 'README.md', 'package.json', ...built, ...others];
  expect(server.files.toSorted()).toEqual(expected.toSorted());
  expect(server.files).toEqual(
    expect.arrayContaining([
      'dist/main.js',
      'dist/web/console.html',
      'dist/page/assets/page.css',
      'dist/runtime/database/migrations/0001-initial.js',
      'dist/extension/index.d.ts',
      'docs/clients/claude.md',
      'docs/extending.md',
      'services/notes/server.mjs',
      'workflows/mandelbrot.yaml',
    ]),
  );
  const ofDevelopment = /\.spec\.|\.map$|(?<!\.d)\.ts$|built-from|^(src|test|web|scripts|examples)\//;
  expect(server.files.filter((file) => ofDevelopment.test(file))).toEqual([]);
});

it('npx starts the server in an empty folder, with its pages and samples, and its data is in that folder', async () => {
  const folder = folderOf('empty');
  await using running = await NpxServer.start(folder, 'npx cyberun-mcp', SETTINGS);
  const page = await pageOf(running);
  const assets = [...page.matchAll(/"([^"]*\/assets\/[^"]+)"/g)].map(([, asset = '']) => asset);
  expect(assets.map((asset) => extname(asset.replace(/\?.*/, '')))).toEqual(
    expect.arrayContaining(['.css', '.js', '.svg']),
  );
  for (const path of ['/console', ...assets])
    expect((await fetch(new URL(path, running.endpoint))).status, path).toBe(200);
  await using client = await connect({ endpoint: running.endpoint, key: KEY });
  const args = { workflow_slug: 'mandelbrot', body: { size: 64, iterations: 100 }, wait_seconds: 45 };
  const result = await client.call('run_workflow_by_slug', args);
  expect(result.structuredContent).toMatchObject({ task_status: 'completed' });
  expect(await readdir(folder)).toEqual(['.cyberun']);
});

describe('docs/extending.md', () => {
  const page = new MarkdownFile('docs/extending.md');
  const [pack = '', install = '', compile = '', load = '', ...others] = page
    .snippets('sh')
    .map(({ text }) => text);

  it('docs/extending.md makes a first extension, whose tool a client calls', async () => {
    expect(others).toEqual([]);
    const folder = folderOf('first');
    const [module] = page.snippets('ts');
    writeFileSync(join(folder, 'package.json'), '{}');
    writeFileSync(join(folder, 'greeting.ts'), module?.text ?? '');
    const commands = [NPM, pack, install, compile].join('');
    await using running = await NpxServer.start(folder, commands, SETTINGS);
    expect(running.output.join('\n')).toContain('./greeting.js is loaded and has greet_person');
    await using client = await connect({ endpoint: running.endpoint, key: KEY });
    const { structuredContent } = await client.call('greet_person', { name: 'Ada' });
    expect(structuredContent).toEqual({ greeting: 'Good morning, Ada.' });
    expect(await pageOf(running)).toContain('greet_person');
  });

  it('docs/extending.md loads a file and a package, which may have copies of Nest of its own', async () => {
    const folder = folderOf('loaded');
    writeFileSync(join(folder, 'glossary.js'), compiledGlossary());
    installWithOwnCopies(join(folder, 'node_modules/@acme/cyberun-billing'));
    await using running = await NpxServer.start(folder, load, SETTINGS);
    await using client = await connect({ endpoint: running.endpoint, key: KEY });
    expect(await client.listTools()).toEqual(
      expect.arrayContaining(['list_workflows', 'define_term', 'find_term']),
    );
    const term = { word: 'deploy', meaning: 'to hand a version to customers' };
    expect((await client.call('define_term', term)).structuredContent).toEqual(term);
    const renamed = (await client.call('find_term', { word: 'deploy', meaning: 1 })) as object;
    expect(renamed).toMatchObject({
      isError: true,
      structuredContent: { error_message: expect.stringContaining('meaning') },
    });
  });
});

it('the example builds, passes its tests and starts as its page says, and its package has what it needs', async () => {
  const example = folderOf(EXAMPLE);
  cpSync(join(packagePaths.root, EXAMPLE), example, {
    recursive: true,
    filter: (path) => !/node_modules|dist/.test(relative(packagePaths.root, path)),
  });
  const commands = new MarkdownFile(`${EXAMPLE}/README.md`).snippets('sh').map(({ text }) => text);
  await using running = await NpxServer.start(operator.path, NPM + commands.join(''), SETTINGS);
  expect(running.output.join('\n')).toContain('pass 5');
  await using client = await connect({ endpoint: running.endpoint, key: KEY });
  expect(await client.listTools()).toContain('convert_amount');
  const { files } = await packed(example, tarballs.path);
  const parts = ['module', 'schemas', 'service', 'tools'].map((part) => `dist/rates.${part}.js`);
  expect(files.toSorted()).toEqual(['README.md', 'dist/quota.guard.js', ...parts, 'package.json']);
});

/** An extension with copies of what the server has too: its decorators are those of the copies. */
function installWithOwnCopies(folder: string): void {
  for (const name of ['@nestjs/common', '@rekog/mcp-nest', 'zod', 'reflect-metadata']) {
    cpSync(join(operator.path, 'node_modules', name), join(folder, 'node_modules', name), {
      recursive: true,
    });
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', main: './main.js' }));
  const renamed = compiledGlossary().replaceAll(
    /(list|get|define)_term/g,
    (_all, verb: string) => `${OTHER[verb]}_term`,
  );
  writeFileSync(join(folder, 'main.js'), renamed.replaceAll('Glossary', 'Words'));
}
const OTHER: Readonly<Record<string, string>> = { list: 'show', get: 'find', define: 'set' };
