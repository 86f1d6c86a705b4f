import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { promisify } from 'node:util';

import { expect, it, onTestFinished } from 'vitest';

import { proxiedSocket } from '../../src/agent/outbound.js';
import { packagePaths, readProxies } from '../../src/config/index.js';
import { keysOf, shellWorkflow } from '../e2e/agent-support/agent-fixture.js';
import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { inherited } from '../support/command-line.js';
import { ConnectProxy } from '../support/connect-proxy.js';
import { until } from '../support/processes.js';
import { FLAGS } from '../support/setup.js';

const PASSWORD = 'a b@c';
const callWorkflow = `document: { dsl: '1.0.0', namespace: tests, name: call, version: '1.0.0', metadata: { labels: [local] } }
do:
  - call: { call: http, with: { method: get, endpoint: 'http://target.test/hello?x=1' } }
`;
const copyWorkflow = `document: { dsl: '1.0.0', namespace: tests, name: copy, version: '1.0.0', metadata: { labels: [local] } }
input:
  schema:
    document: { type: object, required: [file], properties: { file: { type: string, format: file } } }
do:
  - copy: { run: { shell: { command: 'cp "$1" output/copy.txt', arguments: ['\${ .file }'] } } }
`;

async function folderOfTest(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cyberun-proxies-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** HTTPS in front of a port of this machine, as `secure.test`. */
async function startTls(folder: string, toPort: () => number): Promise<number> {
  const certificate = ['-keyout', 'key.pem', '-out', 'cert.pem', '-days', '1', '-subj', '/CN=secure.test'];
  const names = ['-addext', 'subjectAltName=DNS:secure.test'];
  const words = ['req', '-x509', '-newkey', 'ed25519', '-nodes', ...certificate, ...names];
  await promisify(execFile)('openssl', words, { cwd: folder });
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => readFileSync(join(folder, name)));
  const server = createTlsServer({ key, cert }, (socket) => {
    const plain = connect(toPort(), '127.0.0.1');
    for (const side of [socket, plain]) side.on('error', () => undefined);
    socket.pipe(plain).pipe(socket);
    socket.once('close', () => plain.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

function startAgent(folder: string, key: string, environment: Record<string, string>): void {
  const args = ['agent', '--gateway', 'https://secure.test', '--work-dir', join(folder, 'work')];
  const child = spawn(process.execPath, [...FLAGS, packagePaths.entry, ...args], {
    env: {
      ...inherited(),
      NODE_EXTRA_CA_CERTS: join(folder, 'cert.pem'),
      CYBERUN_AGENT_KEY: key,
      ...environment,
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
}

it('an agent behind a proxy dials, transfers files and makes HTTP calls through it, and hands it to tasks if told so', async () => {
  const folder = await folderOfTest();
  const target = createServer((request, response) => {
    response.setHeader('content-type', 'text/plain').end(`at ${request.url}`);
  }).listen(0);
  await once(target, 'listening');
  onTestFinished(() => void target.close());
  await using server = await RuntimeServer.start(
    {
      'call.yaml': callWorkflow,
      'copy.yaml': copyWorkflow,
      'env.yaml': shellWorkflow('env', 'env | grep -i _proxy > output/env.txt'),
    },
    { env: { CYBERUN_HTTP_PUBLIC_URL: 'https://secure.test' } },
  );
  const ports = new Map([['target.test', (target.address() as AddressInfo).port]]);
  ports.set('secure.test', await startTls(folder, () => Number(new URL(server.origin).port)));
  await using proxy = await ConnectProxy.start(ports, PASSWORD);
  const { raw_key } = await keysOf(server).create({ kind: 'agent', display_name: 'agent' });
  const url = `http://me:${encodeURIComponent(PASSWORD)}@127.0.0.1:${proxy.port}`;
  startAgent(folder, raw_key, { HTTPS_PROXY: url, http_proxy: url, CYBERUN_AGENT_TASK_PROXIES: 'true' });

  const ended = async (slug: string, parameters: Record<string, unknown>) => {
    const id = await server.submit(slug, parameters);
    await until(async () => (await server.get(`/r/tasks/${id}`)).body.completed_at !== null);
    return (await server.get(`/r/tasks/${id}/result`)).body;
  };
  expect(await ended('call', {})).toMatchObject({
    task_status: 'completed',
    task_output: { body: 'at /hello?x=1' },
  });
  const presigned = await server.call('POST', '/r/files/presign', {
    file_name: 'in.txt',
    file_size: 5,
    content_type: 'text/plain',
  });
  const { upload_url, upload_headers, file_key } = presigned.body;
  const { pathname, search } = new URL(upload_url);
  const uploaded = await promisify(execFile)('curl', [
    '-sS',
    '-o/dev/null',
    '-w%{http_code}',
    '-XPUT',
    '--data-binary',
    'hello',
    ...Object.entries({ ...upload_headers, host: 'secure.test' }).flatMap(([name, value]) => [
      '-H',
      `${name}: ${String(value)}`,
    ]),
    `${server.origin}${pathname}${search}`,
  ]);
  expect(uploaded.stdout).toBe('200');
  expect(await ended('copy', { file: file_key })).toMatchObject({
    task_status: 'completed',
    task_output: { files: [{ name: 'copy.txt', size: 5 }] },
  });
  expect((await ended('env', {})).task_output.files).toMatchObject([
    { name: 'env.txt', size: 4 * `https_proxy=${url}\n`.length - 2 },
  ]);
  expect(proxy.asked.filter((line) => line === 'GET http://target.test/hello?x=1')).toHaveLength(1);
  // The WebSocket, and at least one connection for files.
  expect(proxy.asked.filter((line) => line === 'CONNECT secure.test:443').length).toBeGreaterThan(1);
});

it('a proxy that refuses is named, with what it needs and without its password', async () => {
  await using proxy = await ConnectProxy.start(new Map(), PASSWORD);
  const { signal } = new AbortController();
  const dial = (user: string) =>
    proxiedSocket(
      'ws://a.test',
      signal,
      readProxies({ HTTP_PROXY: `http://${user}127.0.0.1:${proxy.port}` }),
    );
  await expect(dial('')).rejects.toThrow(
    `the proxy 127.0.0.1:${proxy.port} answered 407; it needs a user and a password in its URL`,
  );
  await expect(dial(`me:${encodeURIComponent(PASSWORD)}@`)).rejects.toThrow(
    `the proxy 127.0.0.1:${proxy.port} answered 502`,
  );
});
