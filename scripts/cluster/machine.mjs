// The Kubernetes on this machine: three nodes, each a network namespace, by scripts that are no part of this repository.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { findHelm } from '../helm.mjs';
import { run, succeeds, until } from './commands.mjs';

const REPOSITORY = resolve(import.meta.dirname, '../..');
const SCRIPTS = ['up.sh', 'down.sh', 'env.sh', 'image.sh'];
const BINARIES = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy'];
const PROGRAMS = ['containerd', 'runc', 'buildah', 'etcd', 'dnsmasq', 'kubectl'];
/** What the image is built from. */
const SOURCES = [
  'Dockerfile',
  'package.json',
  'package-lock.json',
  'nest-cli.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'scripts/build-if-stale.mjs',
  'scripts/build-web.mjs',
  'src',
  'web',
  'workflows',
  'services',
];
/** The name that image.sh gives. */
const IMAGE = { repository: 'cyberun-mcp', tag: '0.1.0' };
const MINUTES_OF_BUILD = 40 * 60;

/** The cluster, and the programs that speak with it. */
export class Machine {
  nodes = ['n1', 'n2', 'n3'];
  image = IMAGE;

  constructor(folder) {
    this.folder = folder;
    this.root = process.env.KROOT ?? join(tmpdir(), 'cyberun-cluster');
    this.state = join(this.root, 'run');
    this.archive = join(this.root, 'cyberun-mcp.tar');
    this.env = {
      ...process.env,
      KROOT: this.root,
      KUBECONFIG: join(this.state, 'admin.kubeconfig'),
      PATH: `${join(this.root, 'bin')}:${process.env.PATH}`,
    };
    this.helmPath = undefined;
  }

  /** The scripts in this folder. @throws {Error} that says what is missing and where to get it. */
  static at(folder) {
    if (!folder)
      throw new Error(
        'Name the folder with the scripts of the cluster: --kit FOLDER, or CYBERUN_CLUSTER_KIT.',
      );
    const missing = SCRIPTS.filter((name) => !existsSync(join(folder, name)));
    if (missing.length > 0)
      throw new Error(`${folder} has no ${missing.join(', ')}: it is not the folder of the cluster.`);
    return new Machine(resolve(folder));
  }

  /** @throws {Error} that says what to install, unless the cluster can be started here. */
  async checkPrograms() {
    if (process.getuid?.() !== 0)
      throw new Error('Nodes are network namespaces with a kubelet each: run this as root.');
    const absent = [];
    for (const name of PROGRAMS)
      if (!(await succeeds('/bin/sh', ['-c', `command -v ${name}`], this.inEnv))) absent.push(name);
    if (absent.length > 0)
      throw new Error(
        `${absent.join(', ')} not found: install the packages that ${this.folder}/README.md names.`,
      );
    const unbuilt = BINARIES.filter((name) => !existsSync(join(this.root, 'bin', name)));
    if (unbuilt.length > 0)
      throw new Error(
        `${join(this.root, 'bin')} has no ${unbuilt.join(', ')}. Build them once, in 25 to 45 minutes: ` +
          `${this.folder}/build/build.sh ${join(this.root, 'bin')}`,
      );
  }

  isUp() {
    return succeeds('kubectl', ['get', '--raw', '/readyz', '--request-timeout=5s'], this.inEnv);
  }

  /** Builds the image unless it was built from these sources, or the one that is there is wanted; whether it did. */
  async buildImage(logTo, isAsBuilt) {
    const digest = digestOf(SOURCES.map((name) => join(REPOSITORY, name)));
    const stamp = `${this.archive}.sources`;
    const built = existsSync(this.archive) && existsSync(stamp) && readFileSync(stamp, 'utf8');
    this.imageDigest = (isAsBuilt && built ? built : digest).slice(0, 12);
    if (built && (isAsBuilt || built === digest)) return false;
    await run(join(this.folder, 'image.sh'), [REPOSITORY, this.archive], {
      env: { ...this.env, TMPDIR: resolve(this.root, '..') },
      seconds: MINUTES_OF_BUILD,
      logTo,
    });
    writeFileSync(stamp, digest);
    return true;
  }

  /** Starts the cluster with the image, or gives the image to a cluster that is there. */
  async up(logTo) {
    const onNodes = join(this.state, 'image');
    if (await this.isUp()) {
      if (existsSync(onNodes) && readFileSync(onNodes, 'utf8') === this.imageDigest) return;
      for (const node of this.nodes)
        await run('ctr', [
          '-a',
          join(this.state, 'nodes', node, 'containerd.sock'),
          '-n',
          'k8s.io',
          'images',
          'import',
          this.archive,
        ]);
    } else await run(join(this.folder, 'up.sh'), [], { env: { ...this.env, KIMAGES: this.archive }, logTo });
    writeFileSync(onNodes, this.imageDigest);
  }

  async down() {
    await run(join(this.folder, 'down.sh'), [], this.inEnv);
  }

  kubectl(...args) {
    return run('kubectl', args, this.inEnv);
  }

  /** Makes or changes objects, which are written as JSON. */
  apply(...objects) {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    return run('kubectl', ['apply', '-f', '-'], { ...this.inEnv, input });
  }

  async get(...args) {
    return JSON.parse(await this.kubectl('get', ...args, '-o', 'json'));
  }

  helm(args, options = {}) {
    const own = join(this.root, 'bin/helm');
    if (existsSync(own)) process.env.HELM ??= own;
    this.helmPath ??= findHelm();
    return run(this.helmPath, args, { ...options, env: this.env });
  }

  get inEnv() {
    return { env: this.env };
  }

  /** Empties the volumes of claims that are gone, and offers them again. */
  async freeVolumes() {
    const { items } = await this.get('persistentvolumes');
    for (const { metadata, spec } of items.filter(({ status }) => status.phase === 'Released')) {
      for (const name of readdirSync(spec.local.path))
        rmSync(join(spec.local.path, name), { recursive: true, force: true });
      await this.kubectl('patch', 'persistentvolume', metadata.name, '--patch', '{"spec":{"claimRef":null}}');
    }
  }

  /** Kills the API server. The names of Services stay, as those of CoreDNS would, while what reads them is stopped. */
  async killApiServer() {
    const pid = this.#pidOf('apiserver');
    process.kill(this.#pidOf('dns-sync'), 'SIGSTOP');
    this.apiServer = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    process.kill(pid, 'SIGKILL');
    await until('the API server is away', async () => !(await this.isUp()));
  }

  /** Starts it again, as it was. */
  async startApiServer() {
    const [program, ...args] = this.apiServer;
    const log = openSync(join(this.state, 'log/apiserver.log'), 'a');
    const child = spawn(program, args, { env: this.env, detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    await once(child, 'spawn');
    child.unref();
    writeFileSync(join(this.state, 'pid/apiserver'), `${child.pid}\n`);
    await until('the API server answers', () => this.isUp());
    process.kill(this.#pidOf('dns-sync'), 'SIGCONT');
  }

  #pidOf(name) {
    return Number(readFileSync(join(this.state, 'pid', name), 'utf8'));
  }

  /** Cuts a node off from everything, or connects it again. */
  async setLink(node, state) {
    await run('ip', ['link', 'set', `wk-${node}`, state]);
  }

  /** Waits until Kubernetes says this of a node. */
  async nodeIs(node, isReady) {
    await until(`${node} is ${isReady ? '' : 'not '}ready`, async () => {
      const { status } = await this.get('node', node);
      return (status.conditions.find(({ type }) => type === 'Ready')?.status === 'True') === isReady;
    });
  }

  /** Address of a node, where NodePorts answer. */
  addressOf(node) {
    return `10.240.0.1${this.nodes.indexOf(node) + 1}`;
  }
}

/** The bridge to the nodes, on which this machine serves what pods need from outside. */
export const BRIDGE = '10.240.0.1';

function digestOf(paths) {
  const hash = createHash('sha256');
  const add = (path) => {
    if (statSync(path).isDirectory()) for (const name of readdirSync(path).sort()) add(join(path, name));
    else hash.update(path).update(readFileSync(path));
  };
  for (const path of paths) if (existsSync(path)) add(path);
  return hash.digest('hex');
}
