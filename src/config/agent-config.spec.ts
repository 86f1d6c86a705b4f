import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { AGENT_OPTIONS, type AgentFlags, readAgentConfig } from './agent-config.js';
import { SettingError } from './config.js';

const KEY = { CYBERUN_AGENT_KEY: 'ak-abcdefgh' };
const gateway = 'https://runtime.example.com';

function fileOf(text: string, name = 'agent.yaml'): string {
  const folder = mkdtempSync(join(tmpdir(), 'agent-config-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

async function sentence(
  flags: AgentFlags,
  file?: string,
  environment: NodeJS.ProcessEnv = KEY,
): Promise<string> {
  try {
    await readAgentConfig(flags, file, environment);
  } catch (error) {
    if (error instanceof SettingError) return error.message;
    throw error;
  }
  return '';
}

it('an agent is configured by a file', async () => {
  const file = fileOf(`
gateway: [https://one.example.com, https://two.example.com]
id: gpu-01
labels: [gpu, a100]
slots: 3
work_dir: work
cache_dir: /var/cache/agent
`);
  expect(await readAgentConfig({}, file, KEY)).toMatchObject({
    agentGateway: ['https://one.example.com', 'https://two.example.com'],
    agentId: 'gpu-01',
    agentLabels: ['gpu', 'a100'],
    agentSlots: 3,
    agentWorkDir: join(file, '..', 'work'),
    agentCacheDir: '/var/cache/agent',
    agentKey: 'ak-abcdefgh',
  });
});

it('flags win over variables, and variables over the file', async () => {
  const file = fileOf(`{ gateway: '${gateway}', id: of-file, slots: 1, labels: of-file }`);
  const environment = { ...KEY, CYBERUN_AGENT_SLOTS: '2', CYBERUN_AGENT_LABELS: 'of-variable' };
  expect(await readAgentConfig({ labels: 'of-flag,two' }, file, environment)).toMatchObject({
    agentId: 'of-file',
    agentSlots: 2,
    agentLabels: ['of-flag', 'two'],
  });
});

it('an empty file and an empty key change nothing', async () => {
  const { agentSlots } = await readAgentConfig({ gateway }, undefined, KEY);
  expect((await readAgentConfig({ gateway }, fileOf(''), KEY)).agentSlots).toBe(agentSlots);
  expect((await readAgentConfig({ gateway }, fileOf('slots:'), KEY)).agentSlots).toBe(agentSlots);
});

it.each([
  ['slots: many', 'slots in FILE is "many", but it must be an integer number. Example: 4'],
  ['labels: [a b]', 'labels in FILE is "a b", but each value in it must be 1 to 63 letters'],
  ['id: ../x', 'id in FILE is "../x", but it must be 1 to 100 letters'],
  ['gateway: ftp://x', 'gateway in FILE is "ftp://x", but each value in it must be an http or https URL.'],
  [
    'slot: 3',
    'slot in FILE is not an option of an agent. Did you mean slots? The options are slots, labels,',
  ],
  ['work-dir: x', 'work-dir in FILE is not an option of an agent. Did you mean work_dir?'],
  ['colour: red', 'colour in FILE is not an option of an agent. The options are slots, labels,'],
  ['key: ak-secret', 'key in FILE: an ak- key does not belong into this file.'],
  ['key_file: ak-secret', 'The key file is given as a key, but it must be the path of a file'],
  ['labels: { a: b }', 'labels in FILE must be a value, or a list of values. Example: labels: local,gpu'],
  ['labels: [[a]]', 'labels in FILE must be a value, or a list of values.'],
  ['- slots', 'FILE must hold options of an agent by name. Example: slots: 4'],
  ['slots: 1\nslots: 2', 'FILE is not YAML: Map keys must be unique at line 2, column 1.'],
  ['slots: [', 'FILE is not YAML: Flow sequence in block collection must be sufficiently indented'],
])('a file with %j is refused in a sentence', async (text, expected) => {
  const file = fileOf(text);
  const environment = text.startsWith('key_file') ? { CYBERUN_AGENT_GATEWAY: gateway } : KEY;
  const refused = await sentence({}, file, environment);
  expect(refused.replaceAll(file, 'FILE')).toContain(expected);
  expect(refused).not.toContain('secret');
});

it.each([
  ['id', 'a b', '--id is "a b", but it must be 1 to 100 letters'],
  ['gateway', 'nonsense', '--gateway is "nonsense", but each value in it must be an http or https URL.'],
  ['slots', '0', '--slots is "0", but it must not be less than 1. Example: 4'],
])('the flag --%s %s is refused in a sentence', async (key, text, expected) => {
  expect(await sentence({ gateway, [key]: text })).toContain(expected);
});

it('a variable of an agent is refused under its name', async () => {
  expect(await sentence({ gateway }, undefined, { ...KEY, CYBERUN_AGENT_ID: 'a b' })).toContain(
    'CYBERUN_AGENT_ID is "a b", but it must be 1 to 100 letters',
  );
});

it('an agent without a gateway, or whose file cannot be read, is refused', async () => {
  expect(await sentence({})).toMatch(/^An agent needs --gateway/);
  expect(await sentence({}, '/nonexistent.yaml')).toMatch(/^The file of --config cannot be read: ENOENT/);
});

it.each([undefined, 'sk-abcdefgh', ''])('an agent needs an ak- key, not %s', async (key) => {
  expect(await sentence({ gateway }, undefined, { CYBERUN_AGENT_KEY: key })).toMatch(
    /^CYBERUN_AGENT_KEY must hold an ak- key/,
  );
});

it('the key of an agent may be in a file of its own', async () => {
  const key_file = fileOf('ak-of-the-file\n', 'agent.key');
  const file = fileOf(`key_file: ${key_file}`);
  expect((await readAgentConfig({ gateway }, file, {})).agentKey).toBe('ak-of-the-file');
  expect((await readAgentConfig({ gateway }, file, KEY)).agentKey).toBe('ak-abcdefgh');
  expect(await sentence({ gateway, key_file: fileOf('sk-other', 'other') }, undefined, {})).toMatch(
    /^The key file .*other must hold an ak- key\./,
  );
  expect(await sentence({ gateway, key_file: '/nonexistent' }, undefined, {})).toMatch(
    /^The key file cannot be read/,
  );
});

it('every option of an agent is a variable, a flag and a key of its file', () => {
  expect(AGENT_OPTIONS.map(({ env, flag, key }) => [env, flag, key])).toContainEqual([
    'CYBERUN_AGENT_WORK_DIR',
    '--work-dir',
    'work_dir',
  ]);
});
