import { networkInterfaces } from 'node:os';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { outcome } from '../support/command-line.js';
import { friendlyRuntime } from '../support/every-tool.js';
import { McpHttp, resultOf } from '../support/mcp-http.js';
import type { MockRuntime } from '../support/mock-runtime.js';
import { until } from '../support/processes.js';
import { ServerProcess } from '../support/server.js';

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ family }) => family === 'IPv6'),
);
const LOCAL = hasIpv6 ? ['127.0.0.1', '[::1]'] : ['127.0.0.1'];

let runtime: MockRuntime;
let server: ServerProcess;
/** Ports by what they serve. */
let ports: Readonly<Record<'http' | 'health' | 'metrics', string>>;

beforeAll(async () => {
  runtime = await friendlyRuntime();
  server = await ServerProcess.start(
    {
      CYBERUN_RUNTIME_URL: runtime.url,
      CYBERUN_HTTP_HOST: hasIpv6 ? '::' : '0.0.0.0',
      CYBERUN_METRICS_PORT: '0',
      CYBERUN_HEALTH_PORT: '0',
      CYBERUN_HEALTH_STALL_SECONDS: '2',
      CYBERUN_HTTP_DRAIN_SECONDS: '2',
      NODE_OPTIONS: `--import=${new URL('../support/blocked-thread.mjs', import.meta.url).href}`,
    },
    ['--role', 'mcp'],
  );
  ports = {
    http: new URL(server.endpoint).port,
    health: portOf('/health/live'),
    metrics: portOf('/metrics'),
  };
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
});

function portOf(path: string): string {
  const line = server.log.find((text) => text.includes('"served"') && text.includes(`${path}"`));
  const { message } = JSON.parse(line ?? '{}') as { message?: { endpoint: string } };
  return new URL(message?.endpoint ?? 'http://it.said.no.port').port;
}

interface Answer {
  readonly status: number;
  readonly body: { readonly status?: string; readonly error_message?: string };
}

async function probe(name: 'http' | 'health', path: string, signal?: AbortSignal): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${ports[name]}/health/${path}`, signal ? { signal } : {});
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

it('a server on every address is reached by IPv4 and by IPv6, and so are its metrics and probes', async () => {
  expect(new URL(server.endpoint).hostname).toBe('localhost');
  for (const host of LOCAL) {
    const http = new McpHttp({ url: `http://${host}:${ports.http}/api/v1/mcp` }, 'sk-listening-0123456789');
    const result = await resultOf(
      await http.stateless('tools/call', { name: 'list_workflows', arguments: {} }),
    );
    expect(result.structuredContent).toMatchObject({ workflow_list: [] });
    expect((await fetch(`http://${host}:${ports.metrics}/metrics`)).status).toBe(200);
    expect(await (await fetch(`http://${host}:${ports.health}/health/ready`)).json()).toEqual({
      status: 'ready',
    });
  }
});

it('the probes answer what the server itself does, and nothing else', async () => {
  for (const path of ['live', 'ready'])
    expect(await probe('health', path)).toEqual(await probe('http', path));
  const other = await fetch(`http://127.0.0.1:${ports.health}/api/v1/mcp`, { method: 'POST' });
  expect([other.status, await other.json()]).toEqual([
    404,
    { error_message: 'Cannot POST /api/v1/mcp: only /health/live and /health/ready are here' },
  ]);
});

it('while its main thread is blocked, a server is live, then dead, and live again afterwards', async () => {
  server.child.kill('SIGUSR2');
  const isBlocked = () =>
    probe('http', 'live', AbortSignal.timeout(200)).then(
      () => false,
      () => true,
    );
  await until(isBlocked);
  expect(await probe('health', 'live')).toEqual({ status: 200, body: { status: 'live' } });
  expect(await probe('health', 'ready')).toEqual({ status: 200, body: { status: 'ready' } });

  await until(async () => (await probe('health', 'live')).status === 503);
  const reason = expect.stringMatching(/^the server has done nothing for \d+ s$/) as string;
  expect(await probe('health', 'live')).toEqual({ status: 503, body: { error_message: reason } });
  expect((await probe('health', 'ready')).status).toBe(503);
  expect(await isBlocked()).toBe(true);

  await until(async () => (await probe('health', 'live')).status === 200);
  expect(await probe('http', 'ready')).toEqual(await probe('health', 'ready'));
});

it('a port that is taken by something else stops the start with a sentence', async () => {
  const { code, stderr } = await outcome(['serve', '--role', 'mcp'], {
    CYBERUN_RUNTIME_URL: runtime.url,
    CYBERUN_HTTP_PORT: '0',
    CYBERUN_HEALTH_PORT: ports.health,
    CYBERUN_HTTP_HOST: hasIpv6 ? '::' : '0.0.0.0',
  });
  expect(code).toBe(1);
  expect(stderr).toBe(
    `cyberun-mcp: Port ${ports.health} on ${hasIpv6 ? '::' : '0.0.0.0'} is not available for probes (EADDRINUSE). Choose another with CYBERUN_HEALTH_PORT (0 picks a free one), or leave it empty.\n`,
  );
});

it('a server that shuts down stays live, and is at once not ready', async () => {
  const ended = server.end('SIGTERM');
  await until(async () => (await probe('http', 'ready')).status === 503);
  expect(await probe('health', 'ready')).toEqual({ status: 503, body: { error_message: 'shutting down' } });
  expect((await probe('health', 'live')).status).toBe(200);
  expect(await ended).toBe(0);
});
