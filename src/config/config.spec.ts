import { expect, it } from 'vitest';

import { readConfig, servesConsole, SettingError, unknownVariables } from './config.js';

const sentence = (role: 'all' | 'mcp' | 'runtime', environment: NodeJS.ProcessEnv): string => {
  try {
    readConfig(role, environment);
  } catch (error) {
    if (error instanceof SettingError) return error.message;
    throw error;
  }
  return '';
};

it('readConfig has a default for every setting', () => {
  expect(readConfig('all', {})).toMatchObject({ role: 'all', httpHost: '127.0.0.1', httpPort: 8080 });
});

it.each([
  ['all', {}, true],
  ['runtime', {}, true],
  ['mcp', { CYBERUN_RUNTIME_URL: 'http://127.0.0.1:9/api/v1' }, false],
  ['all', { CYBERUN_CONSOLE: 'off' }, false],
  ['runtime', { CYBERUN_CONSOLE: 'off' }, false],
] as const)('role %s with %j serves the console: %s', (role, environment, serves) => {
  expect(servesConsole(readConfig(role, environment))).toBe(serves);
});

it('readConfig freezes the settings, lists included', () => {
  const config = readConfig('all', { CYBERUN_AGENT_LABELS: 'local, gpu' });
  expect(config.agentLabels).toEqual(['local', 'gpu']);
  expect(Object.isFrozen(config) && Object.isFrozen(config.agentLabels)).toBe(true);
});

it('readConfig treats an empty variable as not set', () => {
  expect(readConfig('all', { CYBERUN_HTTP_PORT: ' ' }).httpPort).toBe(8080);
});

it.each([
  ['CYBERUN_HTTP_PORT', '80a', '8080'],
  ['CYBERUN_HTTP_PORT', '70000', '8080'],
  ['CYBERUN_HTTP_PUBLIC_URL', 'mcp.example.com', 'https://mcp.example.com'],
  ['CYBERUN_AGENT_LABELS', 'a b', 'local,gpu'],
  ['CYBERUN_LOGGER_LEVEL', 'loud', 'info'],
])('readConfig rejects %s=%s in a sentence with an example', (name, value, example) => {
  expect(sentence('all', { [name]: value })).toMatch(
    new RegExp(`^${name} is "${value}", but .* Example: ${example}$`),
  );
});

it('readConfig never echoes a secret', () => {
  const message = sentence('all', { CYBERUN_BOOTSTRAP_KEY: 'sk-short' });
  expect(message).toContain('CYBERUN_BOOTSTRAP_KEY');
  expect(message).not.toContain('sk-short');
});

const store = {
  CYBERUN_S3_ENDPOINT: 'https://s3.example.com',
  CYBERUN_S3_BUCKET: 'files',
  CYBERUN_S3_ACCESS_KEY_ID: 'AKIA',
  CYBERUN_S3_SECRET_ACCESS_KEY: 'hush',
};

it.each(['CYBERUN_S3_BUCKET', 'CYBERUN_S3_ACCESS_KEY_ID', 'CYBERUN_S3_SECRET_ACCESS_KEY'])(
  'readConfig names %s when an object store lacks it',
  (name) => {
    const message = sentence('runtime', { ...store, [name]: undefined });
    expect(message).toContain(`${name} is not set, but files cannot be kept at CYBERUN_S3_ENDPOINT`);
    expect(message).not.toContain('hush');
  },
);

it.each([
  ['CYBERUN_S3_BUCKET', 'files'],
  ['CYBERUN_S3_ACCESS_KEY_ID', 'AKIA'],
  ['CYBERUN_S3_SECRET_ACCESS_KEY', 'hush'],
  ['CYBERUN_S3_SESSION_TOKEN', 'hush'],
  ['CYBERUN_S3_PUBLIC_ENDPOINT', 'https://files.example.com'],
])('readConfig refuses %s without an endpoint', (name, value) => {
  const message = sentence('runtime', { [name]: value });
  expect(message).toContain(`CYBERUN_S3_ENDPOINT is not set, and without it ${name} has no effect`);
  expect(message).not.toContain('hush');
});

it('readConfig reads a complete object store, addressed by path unless set otherwise', () => {
  const expected = { s3Bucket: 'files', s3Region: 'us-east-1', s3Addressing: 'path' };
  expect(readConfig('runtime', store)).toMatchObject(expected);
});

it('readConfig requires a runtime URL for role mcp, and rejects one for the others', () => {
  expect(sentence('mcp', {})).toContain('CYBERUN_RUNTIME_URL');
  expect(sentence('all', { CYBERUN_RUNTIME_URL: 'http://127.0.0.1/api/v1' })).toContain('--role mcp');
});

it('readConfig lists variables that no setting reads', () => {
  expect(unknownVariables({ CYBERUN_HTP_PORT: '1', CYBERUN_MCP_SERVICE_HOST: 'x', PATH: '/' })).toEqual([
    'CYBERUN_HTP_PORT',
  ]);
});
