import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import {
  AGENT_OPTIONS,
  loadOAuthFileReader,
  readAgentConfig,
  readConfig,
  type Role,
  SettingError,
  settingsOf,
  StandaloneAgentSettings,
} from '../../src/config/index.js';
import { MarkdownFile } from '../support/documents.js';
import { SAMPLE, settingsPage } from './settings-page.js';

const settings = settingsOf(StandaloneAgentSettings.prototype);

/** Values each setting must refuse; every setting is here, or the first test says so. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  CYBERUN_HTTP_HOST: ['a b', 'http://x'],
  CYBERUN_HTTP_PORT: ['80a', '-1', '65536', '1.5'],
  CYBERUN_HTTP_PUBLIC_URL: ['mcp.example.com', 'ftp://mcp.example.com'],
  CYBERUN_HTTP_CORS_ORIGINS: ['app.example.com', 'https://app.example.com/path'],
  CYBERUN_HTTP_DRAIN_SECONDS: ['-1', '5s', '301'],
  CYBERUN_HTTP_TRUSTED_PROXIES: [
    'proxy.example.com',
    '10.0.0.0/33',
    'fd00::/129',
    '10.0.0.1/8/8',
    '10.0.0.1/',
  ],
  CYBERUN_HTTP_RATE_PER_ADDRESS: ['0', '1000001', '10/s'],
  CYBERUN_HTTP_RATE_PER_KEY: ['0', '1000001', '10/s'],
  CYBERUN_HTTP_FAILED_KEYS_PER_ADDRESS: ['0', '1.5'],
  CYBERUN_MCP_CALLS_PER_KEY: ['0', 'many'],
  CYBERUN_MCP_STREAMS_PER_KEY: ['0', '1000001'],
  CYBERUN_HEALTH_PORT: ['-1', '65536', 'on'],
  CYBERUN_HEALTH_STALL_SECONDS: ['1', '30s', '3601'],
  CYBERUN_RUNTIME_URL: [
    'core.cyberun.cloud',
    'file:///etc',
    'https://core.cyberun.cloud',
    'https://me:secret@core.cyberun.cloud/api/v1',
    'https://core.cyberun.cloud/api/v1?x=1',
  ],
  CYBERUN_RUNTIME_FORWARD_LINKS: ['yes', '1'],
  CYBERUN_RUNTIME_TIMEOUT_MS: ['30s', '99'],
  CYBERUN_RUNTIME_RESPONSE_LIMIT_BYTES: ['32MB', '1'],
  CYBERUN_S3_ENDPOINT: ['s3.example.com', 'ftp://s3.example.com', 'https://key:secret@s3.example.com'],
  CYBERUN_S3_PUBLIC_ENDPOINT: ['files.example.com', 'https://files.example.com/?x=1'],
  CYBERUN_S3_BUCKET: ['Files', 'ab', 'a/b'],
  CYBERUN_S3_REGION: ['eu central', 'eu/central'],
  CYBERUN_S3_ACCESS_KEY_ID: ['AKIA X', 'AKIA/X'],
  CYBERUN_S3_SECRET_ACCESS_KEY: ['a secret'],
  CYBERUN_S3_SESSION_TOKEN: ['a token'],
  CYBERUN_S3_ADDRESSING: ['host', 'PATH'],
  CYBERUN_CONSOLE: ['yes', 'true'],
  CYBERUN_TASKS_ENDED_DAYS: ['0', '3651', 'a month'],
  CYBERUN_TASKS_ENDED_COUNT: ['0', '1M'],
  CYBERUN_TASKS_LOG_BYTES: ['65535', '4MB', '1073741825'],
  CYBERUN_TASKS_LOG_DAYS: ['0', '3651'],
  CYBERUN_WORKFLOWS_VERSION_DAYS: ['0', '3651'],
  CYBERUN_KEYS_ENDED_DAYS: ['0', '1.5'],
  CYBERUN_TEAM_TASKS_QUEUED: ['0', '1000001', 'many'],
  CYBERUN_TEAM_PARAMETERS_BYTES: ['1023', '256MB'],
  CYBERUN_TEAM_LOG_BYTES: ['1048575', '1G'],
  CYBERUN_TEAM_TASKS_RUNNING: ['0', '1.5'],
  CYBERUN_TEAM_FILES_BYTES: ['1023', '100GB'],
  CYBERUN_TEAM_ANSWERS_BYTES: ['1023', '5GB'],
  CYBERUN_MCP_READ_ONLY: ['yes', '1', 'True'],
  CYBERUN_MCP_TOOLS: ['list tasks', '*_task', 'a**'],
  CYBERUN_MCP_KEY_TOOLS: [
    'read_*',
    'ak-Ab=get_*',
    'sk-Zz98Yy76X',
    'sk-0123456789abcdefgh=get_*',
    'sk-Ab=*_task',
  ],
  CYBERUN_DATA_DIR: [],
  CYBERUN_DATABASE_URL: ['database:5432', 'mysql://db/cyberun', 'postgresql:// db'],
  CYBERUN_NODE_URL: ['10.0.0.7:8080', 'http://10.0.0.7/path'],
  CYBERUN_REDIS_URL: ['cache:6379', 'http://cache', 'redis:///1'],
  CYBERUN_BOOTSTRAP_KEY: ['sk-short', 'dk-0123456789012345678901234', 'sk-0123456789 0123456789'],
  CYBERUN_WORKFLOWS_DIR: [],
  CYBERUN_SERVICES_DIR: [],
  CYBERUN_FILES_MAX_BYTES: ['0', 'many'],
  CYBERUN_FILES_INPUT_DAYS: ['0', '4000'],
  CYBERUN_FILES_OUTPUT_DAYS: ['0', 'a week'],
  CYBERUN_FILES_OUTPUT_COUNT: ['0', '1.5', '100001'],
  CYBERUN_FILES_OUTPUT_BYTES: ['0', '10G'],
  CYBERUN_AGENT_SLOTS: ['0', '1025'],
  CYBERUN_AGENT_LABELS: ['a b', ','],
  CYBERUN_AGENT_DRAIN_SECONDS: ['-1', '10s', '86401'],
  CYBERUN_AGENT_CONFINE: ['on', 'Auto'],
  CYBERUN_AGENT_CONTAINER_SOCKET: ['docker', 'tcp://127.0.0.1:2375', '/run/a b'],
  CYBERUN_AGENT_VOLUME_ALLOW: ['data', '/data:rx', '/a:/b'],
  CYBERUN_AGENT_REGISTRY_CREDENTIALS: [],
  CYBERUN_AGENT_CONTAINER_CAPABILITIES: ['chown', 'CAP CHOWN'],
  CYBERUN_AGENT_TASK_PROXIES: ['yes', '1'],
  CYBERUN_AGENT_GATEWAY: ['runtime.example.com', 'https://me:secret@runtime.example.com', 'ftp://runtime'],
  CYBERUN_AGENT_ID: ['a b', '../x', 'x'.repeat(101)],
  CYBERUN_AGENT_WORK_DIR: [],
  CYBERUN_AGENT_CACHE_DIR: [],
  CYBERUN_AGENT_KEY_FILE: [],
  CYBERUN_AGENT_EXECUTOR: ['docker', 'Kubernetes'],
  CYBERUN_AGENT_KUBERNETES_IMAGE: ['a b', '-x'],
  CYBERUN_AGENT_KUBERNETES_URL: ['cyberun-agent:8090', 'http://me:secret@agent'],
  CYBERUN_AGENT_KUBERNETES_PORT: ['0', '65536', 'http'],
  CYBERUN_AGENT_KUBERNETES_NAMESPACE: ['Runs', '-a', 'a_b'],
  CYBERUN_AGENT_KUBERNETES_OWNER: ['Owner', '-a', 'a_b'],
  CYBERUN_AGENT_KUBERNETES_PROFILES: [],
  CYBERUN_RUNS_LEASE_SECONDS: ['44', 'a minute'],
  CYBERUN_RUNS_RETRY_SECONDS: ['-1', '1s', '301'],
  CYBERUN_MCP_ALLOWED_ORIGINS: ['*', 'app.example.com'],
  CYBERUN_MCP_ALLOWED_HOSTS: ['https://mcp.example.com'],
  CYBERUN_MCP_SESSION_IDLE_SECONDS: ['0', '30m'],
  CYBERUN_MCP_TOOLSETS: ['Logs', 'a b'],
  CYBERUN_MODULES: [],
  CYBERUN_MCP_REPLY_TOKENS: ['999', '20001', 'many'],
  CYBERUN_MCP_SESSIONS_PER_KEY: ['0', 'many'],
  CYBERUN_OAUTH_FILE: [],
  CYBERUN_MCP_BODY_LIMIT_BYTES: ['4MB', '1'],
  CYBERUN_METRICS_PORT: ['-1', '65536', 'on'],
  CYBERUN_AUDIT_LOG: ['on', 'stdot', 'logs/'],
  CYBERUN_LOGGER_LEVEL: ['loud'],
  CYBERUN_LOGGER_FORMAT: ['xml'],
};

/** `CYBERUN_RUNTIME_URL` belongs to role mcp, all others to any. */
const roleOf = (env: string): Role => (env === 'CYBERUN_RUNTIME_URL' ? 'mcp' : 'all');

const standalone = { CYBERUN_AGENT_GATEWAY: 'https://runtime.example.com', CYBERUN_AGENT_KEY: 'ak-key' };

async function read(env: string, value: string): Promise<void> {
  if (AGENT_OPTIONS.some((option) => option.env === env))
    await readAgentConfig({}, undefined, { ...standalone, [env]: value });
  else readConfig(roleOf(env), { [env]: value });
}

async function sentenceFor(env: string, value: string): Promise<string> {
  try {
    await read(env, value);
  } catch (error) {
    if (error instanceof SettingError) return error.message;
    throw error;
  }
  throw new Error(`${env}=${value} was accepted`);
}

const bad = settings.flatMap((setting) =>
  (REFUSED[setting.env] ?? []).map((value) => ({ ...setting, value })),
);

it('every setting has its bad values listed here', () => {
  expect(settings.map(({ env }) => env)).toEqual(expect.arrayContaining(Object.keys(REFUSED)));
  expect(Object.keys(REFUSED)).toEqual(expect.arrayContaining(settings.map(({ env }) => env)));
});

it.each(bad)('$env=$value stops the start with one sentence', async ({ env, value, example, isSecret }) => {
  const sentence = await sentenceFor(env, value);
  expect(sentence.startsWith(`${env} is `)).toBe(true);
  expect(sentence.endsWith(`Example: ${example}`)).toBe(true);
  expect(sentence.includes(value)).toBe(isSecret !== true);
  expect(sentence).not.toContain('\n');
  expect(sentence, 'a regular expression').not.toMatch(/\/\^|\$\/|\[\^/);
});

it.each(settings.filter(({ isSecret }) => isSecret !== true))(
  '$env accepts its own example',
  async ({ env, example }) => {
    const problem = await read(env, example).catch(String);
    expect(String(problem)).not.toContain(`${env} is`);
  },
);

it('the file of an agent in the documentation is one that an agent reads', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'agent-sample-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'agent.yaml'), SAMPLE.join('\n'));
  writeFileSync(join(folder, 'agent.key'), 'ak-key');
  expect(await readAgentConfig({}, join(folder, 'agent.yaml'), {})).toMatchObject({
    agentId: 'gpu-01',
    agentKey: 'ak-key',
    agentLabels: ['local', 'gpu'],
  });
});

it('the file of OAuth in the documentation is one that the server reads', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'oauth-sample-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [sample] = new MarkdownFile('docs/oauth.md').snippets('yaml');
  writeFileSync(join(folder, 'image-lab'), 'sk-image-lab-0123456789');
  writeFileSync(join(folder, 'oauth.yaml'), sample?.text.replaceAll('/run/secrets/', '') ?? '');
  const environment = { CYBERUN_OAUTH_KEY_STAFF: 'sk-staff-0123456789' };
  const read = await loadOAuthFileReader(environment);
  expect(read(join(folder, 'oauth.yaml'))).toMatchObject({
    issuers: [{ keys: [{ key: 'sk-image-lab-0123456789' }, { key: 'sk-staff-0123456789' }] }],
    scopes: { run: ['cyberun.run', 'cyberun.all'] },
  });
});

it.each(settings)('the variable $env follows the pattern and has a description', ({ env, meaning }) => {
  expect(env).toMatch(/^CYBERUN_[A-Z\d]+(_[A-Z\d]+)*$/);
  expect(meaning).toMatch(/^[A-Z].+\.$/);
});

it('docs/configuration.md describes every setting', async () => {
  await expect(settingsPage()).toMatchFileSnapshot('../../docs/configuration.md');
});
