import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { inherited, temporaryFolder } from '../support/command-line.js';

const run = promisify(execFile);
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

/** A module with one tool, without a compiler and without packages beside it. */
const moduleWith = (name: string, output: string): string => `
import { Module } from '@nestjs/common';
import { advertised, McpController, outputOf, READS, Tool } from 'cyberun-mcp/extension';
import { z } from 'zod';

class ThingsTools {
  list() {
    return {};
  }
}
Tool({
  name: '${name}',
  description: 'List the things that the team has.',
  parameters: advertised(z.object({})),
  outputSchema: ${output},
  annotations: { title: 'List things', ...READS },
})(ThingsTools.prototype, 'list', Object.getOwnPropertyDescriptor(ThingsTools.prototype, 'list'));
McpController()(ThingsTools);
export class ThingsModule {}
Module({ controllers: [ThingsTools] })(ThingsModule);
`;
const GOOD = 'advertised(outputOf(z.object({ things: z.array(z.string()) })))';

const asCommonJs = (source: string): string =>
  source
    .replaceAll(/import (\{.*\}) from ('.*');/g, 'const $1 = require($2);')
    .replace('export class ThingsModule {}', 'class ThingsModule {}\nmodule.exports = { ThingsModule };');

const FILES: Readonly<Record<string, string>> = {
  'things.mjs': moduleWith('list_things', GOOD),
  'taken.mjs': moduleWith('list_tasks', GOOD),
  'closed.mjs': moduleWith('list_things', 'z.object({ things: z.array(z.string()) })'),
  'nothing.mjs': 'export const answer = 42;\n',
  'throws.mjs': "throw new Error('the address of the accounts is missing');\n",
  'lacks.mjs': "import 'a-missing-package';\n",
  'written.ts': 'export class Written {}\n',
  'again.mjs': moduleWith('list_things', GOOD),
  'things.cjs': asCommonJs(moduleWith('list_things', GOOD)),
  'options.mjs': `${moduleWith('list_things', GOOD).replace('export class', 'class')}
export const things = { module: ThingsModule };
`,
  'folder/readme.txt': '',
};

const REFUSED: readonly (readonly [what: string, modules: string, sentence: RegExp])[] = [
  [
    'a file that is not there',
    './nowhere.js',
    /names \.\/nowhere\.js, which does not exist; tried \S+\/nowhere\.js\.$/,
  ],
  [
    'a file without its extension',
    './things',
    /tried \S+\/things\. There is \.\/things\.mjs: give the whole name\.$/,
  ],
  ['TypeScript', './written.ts', /names \.\/written\.ts, which is TypeScript; compile it/],
  [
    'a folder without a file to load',
    './folder',
    /a folder without a file to load; tried \S+\/folder\/package\.json, \S+\/folder\/index\.js/,
  ],
  [
    'a package that is not installed',
    './things.mjs,@acme/billing',
    /names @acme\/billing, a package that is not installed; tried (\S+\/node_modules\/@acme\/billing, )+\/node_modules\/@acme\/billing\. Install it/,
  ],
  [
    'what is neither a path nor a package',
    'C:nothing',
    /neither a path, such as \.\/glossary\.js, nor the name of a package\.$/,
  ],
  [
    'a file without a module',
    './nothing.mjs',
    /names \.\/nothing\.mjs, which exports no Nest module: file:\S+ exports answer\. Export a class/,
  ],
  [
    'a file that throws',
    './throws.mjs',
    /: \.\/throws\.mjs failed while loading\. the address of the accounts is missing\n +at file:\S+throws\.mjs:1/,
  ],
  [
    'a file whose import fails',
    './lacks.mjs',
    /: \.\/lacks\.mjs failed while loading\. Cannot find package 'a-missing-package' imported from/,
  ],
  [
    'a tool whose name is taken by the product',
    './taken.mjs',
    /: the tool list_tasks of \.\/taken\.mjs \(ThingsTools\.list\) has a name that is taken by cyberun-mcp\. Rename it\.$/,
  ],
  [
    'a tool that breaks a rule',
    './closed.mjs',
    /: the tool list_things of \.\/closed\.mjs \(ThingsTools\.list\) breaks the rule "a tool has an open output schema[^"]+": set its outputSchema to advertised\(outputOf\(…\)\)\.$/,
  ],
  [
    'two extensions with a tool of the same name',
    './things.mjs,./again.mjs',
    /: the tool list_things of \.\/things\.mjs \(ThingsTools\.list\) has a name that is taken by \.\/again\.mjs \(ThingsTools\.list\)\. Rename it\.$/,
  ],
];

const LOADED = ['./things.mjs', './things.cjs', './options.mjs', './things.mjs,./things.mjs'];

/** Loads each list of modules as a start does, all in one process, since the start of one takes a second. */
const LOADER = `
const { readConfig } = await import(process.env.DIST + '/config/index.js');
const { loadModules } = await import(process.env.DIST + '/modules/index.js');
const { createApplication } = await import(process.env.DIST + '/application.js');
const outcomes = {};
for (const modules of JSON.parse(process.env.MODULES)) {
  try {
    const config = readConfig('mcp', { ...process.env, CYBERUN_MODULES: modules });
    await createApplication(config, { extensions: await loadModules(config.modules) });
    outcomes[modules] = 'loaded';
  } catch (error) {
    outcomes[modules] = error.name + ': ' + error.message;
  }
}
process.stdout.write(JSON.stringify(outcomes), () => process.exit());
`;

const SETTINGS = {
  CYBERUN_RUNTIME_URL: 'http://127.0.0.1:9/api/v1',
  CYBERUN_HTTP_PORT: '0',
  CYBERUN_LOGGER_LEVEL: 'error',
};
let outcomes: Readonly<Record<string, string>>;

beforeAll(async () => {
  folder = await temporaryFolder();
  await mkdir(join(folder.path, 'folder'));
  for (const [name, text] of Object.entries(FILES)) await writeFile(join(folder.path, name), text);
  const lists = [...REFUSED.map(([, modules]) => modules), ...LOADED];
  const env = { ...SETTINGS, DIST: dirname(packagePaths.entry), MODULES: JSON.stringify(lists) };
  const { stdout } = await node(['--input-type=module', '--eval', LOADER], env);
  outcomes = JSON.parse(stdout) as Record<string, string>;
});
afterAll(() => folder[Symbol.asyncDispose]());

const node = (args: readonly string[], env: Record<string, string>) =>
  run(process.execPath, args, { cwd: folder.path, env: { ...inherited(), ...env } });

it.each(REFUSED)('extensions are refused in one sentence for %s', (_what, modules, sentence) => {
  expect(outcomes[modules]).toMatch(/^StartError: CYBERUN_MODULES/);
  expect(outcomes[modules]).toMatch(sentence);
});

it.each(LOADED)('extensions are loaded from %s', (modules) => {
  expect(outcomes[modules]).toBe('loaded');
});

it.each(['./nowhere.js', './taken.mjs'])(
  'the start ends with the sentence alone when %s is refused',
  async (modules) => {
    const started = node([packagePaths.entry, 'serve', '--role', 'mcp'], {
      ...SETTINGS,
      CYBERUN_MODULES: modules,
    });
    const sentence = outcomes[modules]?.replace('StartError', 'cyberun-mcp');
    await expect(started).rejects.toMatchObject({ code: 1, stdout: '', stderr: `${sentence}\n` });
  },
);
