// What is installed: one release per mode, each in a namespace of its own and behind a port of the nodes.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { until } from './commands.mjs';
import { newBucket, newDatabase, redisUrl, S3_ENDPOINT, S3_SECRET } from './stores.mjs';

const REPOSITORY = resolve(import.meta.dirname, '../..');
export const CHART = join(REPOSITORY, 'helm');
/** The first key of each release. */
const KEY = 'sk-cluster00000000000000000000000001';
const WORKFLOWS = [
  'test/fixtures/workflows/sleep',
  'test/fixtures/workflows/copy-file',
  'workflows/mandelbrot',
  'test/fixtures/workflows/fail',
  'scripts/cluster/workflows/memory',
  'scripts/cluster/workflows/huge',
  'scripts/cluster/workflows/no-image',
];
const SERVICE_ACCOUNT_SECONDS = 60;
const INSTALL_LIMIT = '6m';
/** The tag stays the same when the image is built again. */
const IMAGE_LABEL = 'cyberun-image';

/** Port of the nodes, and number of the database of Redis. */
const PLACES = { team: 30080, gateway: 30081, trial: 30082, jobs: 30083, upgrade: 30084 };

/** A release: how it is installed, and where its clients connect. */
export class Release {
  constructor(machine, name) {
    this.machine = machine;
    this.name = name;
    this.mode = name === 'gateway' || name === 'trial' ? name : 'team';
    this.base = `${name}-cyberun-mcp`;
    this.port = PLACES[name];
    this.key = KEY;
  }

  get url() {
    return this.urlAt(this.machine.nodes[0]);
  }

  urlAt(node) {
    return `http://${this.machine.addressOf(node)}:${this.port}`;
  }

  kubectl(...args) {
    return this.machine.kubectl('--namespace', this.name, ...args);
  }

  async get(...args) {
    return JSON.parse(await this.kubectl('get', ...args, '-o', 'json'));
  }

  /** Names of the Deployments. */
  async deployments() {
    const { items } = await this.get('deployments');
    return items.map(({ metadata }) => metadata.name);
  }

  /** Names of the pods of a role that are not about to end. */
  async podsOf(role) {
    const { items } = await this.get('pods', '-l', `app.kubernetes.io/component=${role}`);
    return items.filter(({ metadata }) => !metadata.deletionTimestamp).map(({ metadata }) => metadata.name);
  }

  async isInstalled() {
    const list = await this.machine.helm(['list', '--namespace', this.name, '--short', '--deployed']);
    return list.split('\n').includes(this.name);
  }

  /** Installs it, with empty stores, as the notes of the chart say. */
  async install(chart = CHART) {
    await this.prepare();
    await this.upgrade(chart);
    if (this.mode === 'team') await this.makeAgentKey();
    await this.ready();
  }

  /** Installs it unless it is there, with the image that was built last. */
  async ensure() {
    const isThere = await this.isInstalled();
    if (!isThere || (await this.namespaceLabel()) !== this.machine.imageDigest) await this.install();
  }

  namespaceLabel() {
    const path = `jsonpath={.metadata.labels.${IMAGE_LABEL}}`;
    return this.machine.kubectl('get', 'namespace', this.name, '-o', path);
  }

  /** Changes the release to these values of the chart; Helm does not wait. */
  upgrade(chart = CHART) {
    const input = JSON.stringify({ ...this.values(), image: this.machine.image });
    const args = ['upgrade', '--install', this.name, chart, '--namespace', this.name];
    return this.machine.helm([...args, '--values', '-', '--timeout', INSTALL_LIMIT], { input });
  }

  /** Waits until every Deployment has replaced its pods. */
  async ready() {
    for (const name of await this.deployments())
      await this.kubectl('rollout', 'status', `deployment/${name}`, '--timeout=300s');
  }

  async restart() {
    await this.kubectl('rollout', 'restart', 'deployment');
    await this.ready();
  }

  /** Removes it with its namespace. */
  async remove() {
    if (await this.isInstalled())
      await this.machine.helm(['uninstall', this.name, '--namespace', this.name, '--wait']);
    await this.machine.kubectl('delete', 'namespace', this.name, '--ignore-not-found', '--timeout=180s');
    await this.machine.freeVolumes();
  }

  /** `helm test`; what its pod printed. */
  async test() {
    await this.machine.helm(['test', this.name, '--namespace', this.name, '--timeout', '5m']);
    return this.kubectl('logs', `${this.base}-test`);
  }

  async prepare() {
    const secret = (name, stringData) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: this.name },
      stringData,
    });
    await this.remove();
    const metadata = { name: this.name, labels: { [IMAGE_LABEL]: this.machine.imageDigest } };
    await this.machine.apply({ apiVersion: 'v1', kind: 'Namespace', metadata });
    const secrets = [secret('cyberun-key', { key: this.key })];
    if (this.mode === 'team') {
      await newBucket(this.machine, `cyberun-${this.name}`);
      secrets.push(
        secret('cyberun-database', { url: await newDatabase(this.name) }),
        secret('cyberun-files', S3_SECRET),
      );
    }
    await until(
      'the namespace is ready',
      () => this.kubectl('get', 'serviceaccount', 'default').then(Boolean, () => false),
      { seconds: SERVICE_ACCOUNT_SECONDS },
    );
    await this.machine.apply(...secrets);
  }

  /** Agents wait for this Secret. */
  async makeAgentKey() {
    await this.kubectl('rollout', 'status', `deployment/${this.base}-runtime`, '--timeout=300s');
    const create = ['keys', 'create', '--kind', 'agent', '--name', 'cyberun-agent'];
    const key = await this.kubectl('exec', `deployment/${this.base}-runtime`, '--', 'cyberun-mcp', ...create);
    await this.kubectl('create', 'secret', 'generic', 'cyberun-agent', `--from-literal=key=${key}`);
  }

  values() {
    const { name, mode, port } = this;
    const common = {
      mode,
      publicUrl: this.url,
      service: { type: 'NodePort', nodePort: port },
      tests: { key: { existingSecret: 'cyberun-key' }, workflow: 'mandelbrot', parameters: { size: 16 } },
    };
    const bootstrapKey = { existingSecret: 'cyberun-key' };
    if (mode === 'gateway') return { ...common, runtime: { url: this.upstream } };
    if (mode === 'trial')
      return { ...common, trial: { bootstrapKey, workflows: workflows(), persistence: { retain: false } } };
    return {
      ...common,
      redis: { url: redisUrl(port - PLACES.team) },
      database: { existingSecret: 'cyberun-database' },
      s3: { endpoint: S3_ENDPOINT, bucket: `cyberun-${name}`, existingSecret: 'cyberun-files' },
      runtime: { bootstrapKey, workflows: workflows(), extraEnv: PATIENCE, ...this.placement },
      agent: { replicaCount: 2, key: { existingSecret: 'cyberun-agent' }, ...this.placement },
      ...this.placement,
      ...(name === 'jobs' && { agentPools: { jobs: JOBS } }),
    };
  }

  /** One node has runs alone, so that it can be lost. */
  get placement() {
    if (this.name !== 'jobs') return {};
    const off = { key: 'kubernetes.io/hostname', operator: 'NotIn', values: [this.machine.nodes.at(-1)] };
    const nodeSelectorTerms = [{ matchExpressions: [off] }];
    return {
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
    };
  }

  /** The Runtime API of the team, for a gateway. */
  get upstream() {
    return 'http://team-cyberun-mcp-runtime.team.svc.cluster.local/api/v1';
  }
}

/** Pods take long to start here. */
const PATIENCE = [{ name: 'CYBERUN_RUNS_LEASE_SECONDS', value: '120' }];
const SMALL = { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } };
/** Agents that make Jobs, with a limit of memory that a run can reach, and a profile that no node can fulfil. */
const JOBS = {
  replicaCount: 1,
  slots: 10,
  labels: ['local'],
  executor: {
    mode: 'jobs',
    profiles: [
      { name: 'default', resources: SMALL },
      { name: 'huge', labels: ['huge'], resources: { requests: { cpu: 4000 }, limits: { cpu: 4000 } } },
    ],
  },
};

function workflows() {
  return Object.fromEntries(
    WORKFLOWS.map((path) => [
      `${path.split('/').at(-1)}.yaml`,
      readFileSync(join(REPOSITORY, `${path}.yaml`), 'utf8'),
    ]),
  );
}
