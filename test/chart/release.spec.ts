import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { packagePaths, packageVersion } from '../../src/config/index.js';
import { PASSWORD, Registry, USER } from '../containers/registry.js';

import { helmPath } from './chart.js';

const execute = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'cyberun-release-'));
const file = (name: string): string => join(folder, name);
let registry: Registry;
beforeAll(async () => {
  registry = await Registry.start('Basic');
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const env = {
  ...process.env,
  HELM: helmPath(),
  HELM_REGISTRY_CONFIG: file('registry.json'),
  GNUPGHOME: folder,
};
const run = (command: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  execute(command, args, { env, cwd: folder }).then(
    (output) => ({ code: 0, ...output }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
const release = (...args: string[]) =>
  run(
    process.execPath,
    join(packagePaths.root, 'scripts/release-chart.mjs'),
    '--destination',
    folder,
    ...args,
  );

it('a release is packaged, signed and pushed, and is pulled and verified from the registry', async () => {
  const key = [
    '--batch',
    '--passphrase',
    '',
    '--pinentry-mode',
    'loopback',
    '--quick-gen-key',
    'release@example.com',
  ];
  expect(spawnSync('gpg', key, { env }).status).toBe(0);
  for (const [kind, name] of [
    ['--export-secret-keys', 'secring.gpg'],
    ['--export', 'pubring.gpg'],
  ] as const)
    expect(spawnSync('gpg', ['--batch', '--output', file(name), kind], { env }).status).toBe(0);
  await run(helmPath(), 'registry', 'login', registry.host, '--plain-http', '-u', USER, '-p', PASSWORD);
  const target = `oci://${registry.host}/charts`;
  const pushed = await release(target, '--plain-http', '--sign', 'release', '--keyring', file('secring.gpg'));
  expect(pushed).toMatchObject({ code: 0 });

  rmSync(file(`cyberun-mcp-${packageVersion}.tgz`));
  const signed = ['--version', packageVersion, '--verify', '--keyring', file('pubring.gpg')];
  const pulled = await run(helmPath(), 'pull', `${target}/cyberun-mcp`, '--plain-http', ...signed);
  expect(pulled).toMatchObject({ code: 0 });
  expect(readdirSync(folder)).toContain(`cyberun-mcp-${packageVersion}.tgz`);
  expect(readFileSync(file(`cyberun-mcp-${packageVersion}.tgz.prov`), 'utf8')).toContain(
    'BEGIN PGP SIGNATURE',
  );
});

it.each([
  [
    'an address that is no registry',
    ['https://example.com/charts'],
    /^https:\S+ is not an address of an OCI registry/,
  ],
  [
    'a key without the file that holds it',
    ['--sign', 'release'],
    /^--sign names the key and --keyring the file/,
  ],
  [
    'a file of keys that is missing',
    ['--sign', 'a', '--keyring', '/none.gpg'],
    /^There is no file \/none\.gpg\./,
  ],
  ['an option that does not exist', ['--force'], /^Unknown option '--force'/],
])('a release refuses %s in a sentence', async (_what, args, sentence) => {
  const { code, stderr } = await release(...args);
  expect(code).toBe(1);
  expect(stderr).toMatch(sentence);
});
