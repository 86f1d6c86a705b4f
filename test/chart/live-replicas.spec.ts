import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { helmPath, manifestsOf, only, render, templateArguments } from './chart.js';

/** Replicas of the Deployment in the cluster; `undefined` when it is not installed. */
let live: number | undefined;
let api: Server;
const folder = mkdtempSync(join(tmpdir(), 'cyberun-cluster-'));
const kubeconfig = join(folder, 'kubeconfig');

const DEPLOYMENT = '/apis/apps/v1/namespaces/team/deployments/release-cyberun-mcp';

/** The kinds of objects in these releases, as a cluster lists them. */
const KINDS: Record<string, [resource: string, kind: string][]> = {
  v1: [
    ['services', 'Service'],
    ['serviceaccounts', 'ServiceAccount'],
  ],
  'apps/v1': [['deployments', 'Deployment']],
  'autoscaling/v2': [['horizontalpodautoscalers', 'HorizontalPodAutoscaler']],
  'policy/v1': [['poddisruptionbudgets', 'PodDisruptionBudget']],
};

const groupOf = (groupVersion: string): object => {
  const [name, version] = groupVersion.split('/');
  return { name, versions: [{ groupVersion, version }], preferredVersion: { groupVersion, version } };
};

/** What Helm asks a cluster when it renders: its version, the kinds there are, and the Deployment. */
const ANSWERS: Record<string, () => object | undefined> = {
  '/version': () => ({ major: '1', minor: '34', gitVersion: 'v1.34.0' }),
  '/api': () => ({ kind: 'APIVersions', versions: ['v1'] }),
  '/apis': () => ({
    kind: 'APIGroupList',
    groups: Object.keys(KINDS)
      .filter((version) => version !== 'v1')
      .map(groupOf),
  }),
  ...Object.fromEntries(
    Object.entries(KINDS).map(([groupVersion, kinds]) => [
      groupVersion === 'v1' ? '/api/v1' : `/apis/${groupVersion}`,
      () => ({
        kind: 'APIResourceList',
        groupVersion,
        resources: kinds.map(([name, kind]) => ({
          name,
          kind,
          singularName: '',
          namespaced: true,
          verbs: ['get'],
        })),
      }),
    ]),
  ),
  [DEPLOYMENT]: () =>
    live === undefined
      ? undefined
      : { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a' }, spec: { replicas: live } },
};

beforeAll(async () => {
  api = createServer(({ url = '' }, response) => {
    const answer = ANSWERS[url.split('?')[0] ?? '']?.();
    const missing = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 };
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? missing));
  }).listen(0, '127.0.0.1');
  await once(api, 'listening');
  const server = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  const context = { name: 'test', context: { cluster: 'test', user: 'test' } };
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster: { server } }],
      users: [{ name: 'test', user: {} }],
      contexts: [context],
      'current-context': 'test',
    }),
  );
});
afterAll(() => {
  api.close();
  rmSync(folder, { recursive: true });
});

const OPTIONS = ['--dry-run=server', '--is-upgrade', '--disable-openapi-validation'];

/** The line of the Deployment when a release in the cluster is upgraded. */
async function replicasOf(values: object): Promise<unknown> {
  const env = { ...process.env, KUBECONFIG: kubeconfig, HELM_CACHE_HOME: folder };
  const helm = spawn(helmPath(), [...templateArguments(), ...OPTIONS], { env });
  helm.stdin.end(JSON.stringify(values));
  const [out, err] = await Promise.all([text(helm.stdout), text(helm.stderr)]);
  if (out === '') throw new Error(err);
  return only('Deployment', manifestsOf(out))?.['spec'].replicas;
}

const scaled = { autoscaling: { enabled: true, minReplicas: 3 } };

it('autoscaling keeps the number of pods that the cluster has, and starts at its least number after a pause', async () => {
  live = 4;
  expect(await replicasOf(scaled)).toBe(4);
  expect(await replicasOf({})).toBe(2);
  live = 0;
  expect(await replicasOf(scaled)).toBe(3);
});

it('autoscaling leaves the number of pods out where the cluster has none yet, or is not asked', async () => {
  live = undefined;
  expect(await replicasOf(scaled)).toBeUndefined();
  expect(only('Deployment', render(scaled))?.['spec']).not.toHaveProperty('replicas');
});
