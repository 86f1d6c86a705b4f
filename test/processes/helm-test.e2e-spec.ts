import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { inherited } from '../support/command-line.js';
import { ServerProcess } from '../support/server.js';

const run = promisify(execFile);
let server: ServerProcess;
beforeAll(async () => {
  server = await ServerProcess.start();
});
afterAll(() => server[Symbol.asyncDispose]());

/** Runs the script of `helm test` as its pod does; what it prints, and whether it fails. */
async function helmTest(settings: Record<string, string>): Promise<{ code: number; text: string }> {
  const env = {
    ...inherited(),
    TEST_URL: server.endpoint,
    TEST_KEY: server.key,
    TEST_WORKFLOW: 'mandelbrot',
    TEST_PARAMETERS: '{"size":16}',
    TEST_SECONDS: '100',
    TEST_LINKS: 'followed',
    TEST_PUBLIC_URL: new URL(server.endpoint).origin,
    ...settings,
  };
  return run(process.execPath, [join(packagePaths.root, 'helm', 'files', 'test.mjs')], { env }).then(
    ({ stdout }) => ({ code: 0, text: stdout }),
    ({ code, stderr }: { code: number; stderr: string }) => ({ code, text: stderr }),
  );
}

it('the test of the chart lists the tools, runs a workflow to its end, and opens a link to its output', async () => {
  const { code, text } = await helmTest({});
  expect({ code, text }).toMatchObject({ code: 0 });
  expect(text).toMatch(/^15 tools: .*run_workflow/);
  expect(text).toMatch(/workflow mandelbrot: task [0-9a-f-]{36} is completed\noutput \S+: [1-9]\d* bytes\n$/);
});

it('the test of the chart opens no links of another server', async () => {
  const { code, text } = await helmTest({ TEST_LINKS: '' });
  expect(code).toBe(0);
  expect(text).toMatch(/is completed\n$/);
});

it.each([
  [
    'without a key',
    { TEST_KEY: '' },
    /^FAILED: there is no key\. Make a Secret .*tests\.key\.existingSecret\.\n$/,
  ],
  ['with a wrong key', { TEST_KEY: 'sk-00000000000000000000' }, /^FAILED: the key is refused: /],
  ['with a workflow that does not exist', { TEST_WORKFLOW: 'none' }, /^FAILED: run_workflow_by_slug: /],
  [
    'where nothing listens',
    { TEST_URL: 'http://127.0.0.1:2/' },
    /^FAILED: http:.* does not answer \(ECONNREFUSED\)\.\n$/,
  ],
  [
    'when the run takes too long',
    { TEST_SECONDS: '0', TEST_PARAMETERS: '{"size":2048}' },
    /^FAILED: task \S+ is \w+ after 0 seconds(: .+|\. Raise tests\.seconds if it takes longer)\.\n$/,
  ],
])('the test of the chart fails with a sentence %s', async (_when, settings, sentence) => {
  const { code, text } = await helmTest(settings);
  expect(code).toBe(1);
  expect(text).toMatch(sentence);
});
