import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';

import { packagePaths } from '../../src/config/index.js';
import { METRIC_GROUPS, prometheusLabel, prometheusName } from '../../src/telemetry/index.js';
import { temporaryFolder } from '../support/command-line.js';
import { call, McpHttp, resultOf, rpc } from '../support/mcp-http.js';
import { PrometheusPage, seriesNamedIn } from '../support/metrics-page.js';
import { PostgresqlServer } from '../support/postgresql-server.js';
import { until } from '../support/processes.js';
import { RedisServer } from '../support/redis-server.js';
import { ServerProcess } from '../support/server.js';

const resources = new AsyncDisposableStack();
/** After the session, of the server and of one in front of a Runtime API that answers nonsense. */
let page: PrometheusPage;
let nonsense: PrometheusPage;

const workflow = (slug: string, command: string, labels: string): string => `document:
  dsl: '1.0.0'
  namespace: tests
  name: ${slug}
  version: '1.0.0'
  title: ${slug}
  metadata: { labels: [${labels}] }
do:
  - step: { run: { shell: { command: '${command}' } } }
`;

const metricsUrlOf = ({ log }: ServerProcess): string =>
  /"(http:[^"]+\/metrics)"/.exec(log.find((line) => line.includes('"context":"Metrics"')) ?? '')?.[1] ?? '';

async function startServer(): Promise<ServerProcess> {
  const redis = resources.use(await RedisServer.start());
  const postgresql = resources.use(await PostgresqlServer.start());
  const { path } = resources.use(await temporaryFolder());
  await mkdir(join(path, 'services'));
  for (const [slug, command, labels] of [
    ['works', 'true', 'local'],
    ['fails', 'false', 'local'],
    ['has-no-agent', 'true', 'local, moon'],
  ] as const)
    await writeFile(join(path, `${slug}.yaml`), workflow(slug, command, labels));
  await writeFile(join(path, 'services', 'ends.yaml'), "slug: ends\ncommand: ['false']\n");
  return resources.use(
    await ServerProcess.start({
      CYBERUN_METRICS_PORT: '0',
      CYBERUN_REDIS_URL: redis.url,
      CYBERUN_DATABASE_URL: await postgresql.newDatabase(),
      CYBERUN_WORKFLOWS_DIR: path,
      CYBERUN_SERVICES_DIR: join(path, 'services'),
    }),
  );
}

/** One session of every revision family: runs, failures and refusals. */
async function useServer({ endpoint, key }: ServerProcess): Promise<void> {
  const http = new McpHttp({ url: endpoint }, key);
  const session = await http.open();
  const run = async (slug: string): Promise<string> => {
    const answer = await http.ask(session, call('run_workflow_by_slug', { workflow_slug: slug, body: {} }));
    return String((await resultOf(answer)).structuredContent['task_id']);
  };
  const tasks = [await run('works'), await run('fails')];
  await run('has-no-agent');
  for (const id of tasks) {
    const task = async () => resultOf(await http.ask(session, call('get_task', { task_id: id })));
    await until(async () =>
      ['completed', 'failed'].includes(String((await task()).structuredContent['task_status'])),
    );
  }
  for (const method of ['tools/list', 'ping', 'my/secret-method'])
    await (await http.ask(session, rpc(method))).text();
  await (await http.ask(session, call('my_secret_tool'))).text();
  await (await http.ask(session, call('get_task', { task_id: 'no-id' }))).text();
  await (await http.stateless('tools/call', { name: 'list_agents', arguments: {} })).text();
  await (await http.stateless('my/secret-method')).text();
  await (await http.ask('no-session', rpc('ping'))).text();
  await (await http.ask(session, rpc('ping'), { key: 'sk-wrong-0123456789abcdefghij' })).text();
}

/** A server in front of a Runtime API that gives no answer of the contract. */
async function useNonsense(): Promise<PrometheusPage> {
  const upstream = createServer((_request, response) => response.end('{"surprise":true}')).listen(0);
  resources.defer(() => void upstream.close());
  await once(upstream, 'listening');
  const { port } = upstream.address() as AddressInfo;
  const server = resources.use(
    await ServerProcess.start(
      {
        CYBERUN_METRICS_PORT: '0',
        CYBERUN_RUNTIME_URL: `http://127.0.0.1:${port}/api/v1`,
        // Only a server that counts requests has their metric.
        CYBERUN_HTTP_FAILED_KEYS_PER_ADDRESS: '1000',
      },
      ['--role', 'mcp'],
    ),
  );
  const http = new McpHttp({ url: server.endpoint }, 'sk-any-0123456789abcdefghij');
  await (await http.stateless('tools/call', { name: 'list_agents', arguments: {} })).text();
  upstream.close();
  upstream.closeAllConnections();
  await (await http.stateless('tools/call', { name: 'list_agents', arguments: {} })).text();
  return PrometheusPage.read(metricsUrlOf(server));
}

beforeAll(async () => {
  const server = await startServer();
  const url = metricsUrlOf(server);
  await useServer(server);
  nonsense = await useNonsense();
  await until(async () => {
    page = await PrometheusPage.read(url);
    return page.sum('cyberun_services_replicas', { state: 'failed' }) === 1 && page.text.includes('moon');
  });
});
afterAll(() => resources.disposeAsync());

const isOnAPage = (name: string): boolean => page.labels.has(name) || nonsense.labels.has(name);
const labelsOf = (name: string): string[] => [
  ...(page.labels.get(name) ?? []),
  ...(nonsense.labels.get(name) ?? []),
];
/** Labels that Prometheus adds to each series of a target. */
const OF_TARGETS = ['namespace', 'job', 'instance'];

it('every metric and label of docs/metrics.md is on the page of one session, and nothing else is', () => {
  const series = METRIC_GROUPS.flatMap(({ metrics }) => metrics).map((metric) => ({
    name: prometheusName(metric) + (metric.kind === 'histogram' ? '_count' : ''),
    labels: Object.keys(metric.labels).map(prometheusLabel),
  }));
  for (const { name, labels } of series) {
    expect(isOnAPage(name), name).toBe(true);
    expect(labels, name).toEqual(expect.arrayContaining(labelsOf(name)));
  }
  const written = [...page.labels.keys()].filter((name) => !/_(?:bucket|sum)$/.test(name));
  expect(series.map(({ name }) => name)).toEqual(expect.arrayContaining(written));
});

it('the page counts what the session did, by method, tool, error and revision', () => {
  const count = 'mcp_server_operation_duration_seconds_count';
  const ofSession = { mcp_protocol_version: '2025-11-25' };
  const calls = { ...ofSession, mcp_method_name: 'tools/call' };
  expect(page.sum(count, { ...calls, gen_ai_tool_name: 'run_workflow_by_slug' })).toBe(3);
  expect(page.sum(count, { ...calls, gen_ai_tool_name: 'get_task', error_type: 'tool_error' })).toBe(1);
  expect(page.sum(count, { ...calls, error_type: '-32602' })).toBe(1);
  expect(page.sum(count, { ...ofSession, mcp_method_name: '_OTHER', error_type: '-32601' })).toBe(1);
  for (const method of ['initialize', 'notifications/initialized', 'tools/list', 'ping'])
    expect(page.sum(count, { ...ofSession, mcp_method_name: method }), method).toBe(1);
  const stateless = { mcp_protocol_version: '2026-07-28' };
  expect(page.sum(count, { ...stateless, gen_ai_tool_name: 'list_agents' })).toBe(1);
  expect(page.sum(count, { ...stateless, mcp_method_name: '_OTHER', error_type: '-32601' })).toBe(1);
  for (const status of ['401', '404'])
    expect(page.sum('cyberun_mcp_requests_refused_total', { http_response_status_code: status })).toBe(1);
});

it('the page counts tasks, runs, agents and services', () => {
  expect(page.sum('cyberun_tasks_submitted_total', { labels: 'local' })).toBe(2);
  for (const state of ['completed', 'failed'])
    expect(page.sum('cyberun_tasks_ended_total', { labels: 'local', state })).toBe(1);
  expect(page.sum('cyberun_run_duration_seconds_count', { outcome: 'failed' })).toBe(1);
  expect(page.sum('cyberun_task_queue_duration_seconds_count', { labels: 'local' })).toBe(2);
  expect(page.sum('cyberun_tasks_open', { labels: 'local,moon', state: 'waiting' })).toBe(1);
  expect(page.sum('cyberun_agents', { state: 'connected' })).toBe(1);
  expect(page.sum('cyberun_services_replicas', { service: 'ends', state: 'wanted' })).toBe(1);
  for (const up of ['cyberun_database_up', 'cyberun_redis_up', 'cyberun_ready'])
    expect(page.sum(up), up).toBe(1);
});

it('answers that are not what the contract says are counted, and a runtime that is gone by its kind', () => {
  expect(nonsense.sum('cyberun_upstream_answers_invalid_total', { cyberun_operation: 'list agents' })).toBe(
    1,
  );
  const gone = { error_type: 'unreachable', cyberun_operation: 'list agents' };
  expect(nonsense.sum('http_client_request_duration_seconds_count', gone)).toBeGreaterThan(0);
});

it('no key, id or text of a caller is on the page', () => {
  expect(page.text).not.toMatch(/secret|sk-|no-id|no-session/);
  expect(page.text).not.toMatch(/[\da-f]{8}-[\da-f]{4}-/);
});

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}
interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}
const fileOf = (name: string): string => readFileSync(join(packagePaths.root, 'helm/files', name), 'utf8');
const { groups } = parse(fileOf('alerts.yaml')) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const { panels } = JSON.parse(fileOf('dashboard.json')) as { panels: Panel[] };
const queries = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));

it.each([...rules.map(({ alert, expr }) => ({ title: alert, expr })), ...queries])(
  '$title uses only metrics and labels that are on the page: $expr',
  ({ expr }) => {
    const { metrics, groupings } = seriesNamedIn(expr);
    expect(metrics.size).toBeGreaterThan(0);
    for (const [name, labels] of metrics) {
      expect(isOnAPage(name), name).toBe(true);
      expect([...labelsOf(name), ...OF_TARGETS], name).toEqual(expect.arrayContaining([...labels]));
    }
    const known = [...metrics.keys()].flatMap(labelsOf);
    expect([...known, ...OF_TARGETS]).toEqual(expect.arrayContaining([...groupings]));
  },
);

it('every alert has a heading in docs/operate.md, and every heading an alert', () => {
  const operate = readFileSync(join(packagePaths.root, 'docs/operate.md'), 'utf8');
  const headings = [...operate.matchAll(/^## (Cyberun\w+)$/gm)].map(([, name = '']) => name);
  expect(headings.toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted());
  for (const { alert, annotations } of rules)
    expect(annotations['runbook_url']).toBe(`docs/operate.md#${alert.toLowerCase()}`);
});
