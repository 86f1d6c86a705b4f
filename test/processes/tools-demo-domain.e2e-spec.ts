import { appendFile, copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { TreeCopy } from '../support/tree-copy.js';

const DOMAIN = join(packagePaths.root, 'test/fixtures/demo-domain');
const LINE = "export { GreetingsModule } from './greetings/greetings.module.js';\n";

let tree: TreeCopy;

beforeAll(async () => {
  tree = await TreeCopy.make();
  const folder = join(tree.root, 'src/tools/greetings');
  await mkdir(folder);
  for (const file of await readdir(DOMAIN)) {
    await copyFile(join(DOMAIN, file), join(folder, file.replace(/\.txt$/, '')));
  }
  await appendFile(join(tree.root, 'src/tools/index.ts'), LINE);
});
afterAll(() => tree[Symbol.asyncDispose]());

it('a new domain is one folder and one line, and CI reports only its missing snapshot and page', async () => {
  expect(await tree.status()).toEqual([' M src/tools/index.ts', '?? src/tools/greetings/']);
  expect((await tree.contractFailures()).toSorted()).toEqual([
    'docs/tools.md describes all tools',
    'send_greeting a tool has not changed since its snapshot was written',
  ]);
});

it('a new domain is complete after printing, which changes only printed files', async () => {
  expect(await tree.contractFailures({ isPrinting: true })).toEqual([]);
  expect(await tree.status()).toEqual([
    ' M docs/tools.md',
    ' M src/tools/index.ts',
    '?? src/tools/greetings/',
    '?? test/contract/tools/send_greeting.json',
  ]);
});
