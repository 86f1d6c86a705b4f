import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

import { Logger } from '@nestjs/common';
import { z } from 'zod';

import { packageVersion, proxyVariables, StartError, stateDirectory } from '../config/index.js';
import {
  AGENT_FEATURES,
  type AgentHello,
  CONTAINER_LABEL,
  GATEWAY_PATH,
  GPU_LABEL,
  HOSTS_SERVICES,
  PYTHON_LABEL,
} from '../contract/index.js';
import { untilAborted } from '../tunnel/index.js';
import { stayConnected } from './connection.js';
import type { ContainerOptions } from './containers/container-engine.js';
import { findGpus } from './gpus.js';
import type { KubernetesOptions } from './kubernetes/job-runs.js';
import type { ConfinementOptions } from './processes/confinement.js';
import { cleanEnvironment } from './processes/process-groups.js';
import { Worker } from './worker.js';

const logger = new Logger('Agent');
const known = Object.keys(AGENT_FEATURES);
/** Time for `python3 --version`; after that the agent counts as having no Python. */
const PYTHON_LIMIT_MS = 10_000;

export interface AgentOptions {
  /**
   * Addresses of the runtime's nodes, at least one: `http(s)://` or `ws(s)://`, with or without the path of the gateway. The
   * agent is connected to one of them; when that is lost, it dials the next.
   */
  readonly gateways: readonly string[];
  /** An `ak-` key. */
  readonly key: string;
  readonly labels: readonly string[];
  /** Number of concurrent runs. */
  readonly slots: number;
  /** Id of the agent; a new agent with the same id replaces the connected one. Default: the host name. */
  readonly agentId?: string | undefined;
  /** Folder for runs, services and records; not shared with other agents. Default: in the user's state directory. */
  readonly workDir?: string | undefined;
  /** Folder for the files of definitions; not shared with other agents. Default: the work folder. */
  readonly cacheDir?: string | undefined;
  /** Default: processes are not confined. */
  readonly confinement?: ConfinementOptions | undefined;
  /** Default: no containers. */
  readonly containers?: ContainerOptions | undefined;
  /** Whether tasks and services get the variables of the proxies. */
  readonly isProxyShared?: boolean | undefined;
  /** How long runs may go on after `drain`. */
  readonly drainSeconds?: number | undefined;
  /** The agent takes no further runs, and ends once it has none; what is left after `drainSeconds` is given back. */
  readonly drain?: AbortSignal;
  /** Ends the agent at once. */
  readonly signal?: AbortSignal;
}

export type CompleteAgentOptions = {
  readonly [Name in keyof AgentOptions]-?: NonNullable<AgentOptions[Name]>;
};

/** For the runtime to take back what is left. */
const GIVE_BACK_LIMIT_MS = 3000;

/**
 * Runs an agent until one of its signals is aborted: without signals, until SIGTERM or SIGINT drains it and a second one ends
 * it. After a lost connection it ends its services and dials again; its runs go on.
 *
 * @throws {AgentRefusedError} when the gateway refuses the key, or another agent with this id has connected.
 */
export async function runAgent(options: AgentOptions): Promise<void> {
  const complete = completed(options);
  const [isPython, gpus] = await Promise.all([hasPython(), findGpus()]);
  const own = [...(isPython ? [PYTHON_LABEL] : []), ...(gpus.length > 0 ? [GPU_LABEL] : [])];
  const labels = [...new Set([...complete.labels, ...own])];
  const hello = { ...helloOf(complete), labels, gpus };
  const worker = await Worker.in({ ...complete, taskEnvironment: taskEnvironmentOf(complete) }, hello);
  await serveAs(worker, complete);
}

/** Runs an agent whose runs take place on Kubernetes, as {@link runAgent}; they go on when it ends. */
export async function runKubernetesAgent(
  options: AgentOptions,
  kubernetes: KubernetesOptions,
): Promise<void> {
  // The client for Kubernetes takes a second to load, which other agents do without.
  const { kubernetesWorker } = await import('./kubernetes/kubernetes-worker.js');
  const complete = completed(options);
  const labels = [...new Set([...kubernetes.profiles.labels, CONTAINER_LABEL])];
  // Every service, and not only those that are containers.
  const features = known.filter((feature) => feature !== HOSTS_SERVICES);
  const hello = { ...helloOf(complete), labels, features, gpus: [], hosts_services: false };
  const own = await kubernetesWorker(complete, kubernetes, hello);
  if (!own) return;
  const { worker, replaced } = own;
  const signal = AbortSignal.any([complete.signal, replaced]);
  await serveAs(worker, { ...complete, signal, isLeavingRuns: true });
  if (replaced.aborted)
    throw new StartError(`Another process has taken the place of this one of agent ${complete.agentId}.`);
}

async function serveAs(
  worker: Worker,
  options: CompleteAgentOptions & { readonly isLeavingRuns?: boolean },
): Promise<void> {
  const goodbye = new AbortController();
  void untilOver(worker, options).finally(() => goodbye.abort());
  try {
    await stayConnected(worker, { ...options, signal: goodbye.signal });
  } finally {
    await worker.end();
  }
}

export const taskEnvironmentOf = ({
  isProxyShared,
}: CompleteAgentOptions): Readonly<Record<string, string>> => (isProxyShared ? proxyVariables() : {});

/** Resolves when the agent may leave. The gateway stays connected until then, since it is given back what is left. */
async function untilOver(worker: Worker, options: CompleteAgentOptions): Promise<void> {
  const { drain, drainSeconds, signal } = options;
  await untilAborted(AbortSignal.any([drain, signal]));
  const drained = worker.drain();
  if (!signal.aborted) {
    logger.log(`the agent ends: it takes no further runs, and has ${drainSeconds} s for those it has`);
    await Promise.race([drained, untilAborted(AbortSignal.any([signal, timeout(drainSeconds * 1000)]))]);
  }
  await Promise.race([worker.giveBack(), untilAborted(timeout(GIVE_BACK_LIMIT_MS))]);
}

/** Its timer does not keep the process alive. */
const timeout = (ms: number): AbortSignal => AbortSignal.timeout(Math.min(ms, 2 ** 31 - 1));

export function completed(options: AgentOptions): CompleteAgentOptions {
  const agentId = options.agentId ?? hostNameAsId();
  const workDir = resolve(options.workDir ?? join(stateDirectory(), 'cyberun', `agent-${agentId}`));
  return {
    ...options,
    agentId,
    gateways: options.gateways.map(gatewayUrl),
    workDir,
    cacheDir: resolve(options.cacheDir ?? workDir),
    confinement: options.confinement ?? { mode: 'off', hidden: [] },
    containers: options.containers ?? { socket: 'off', volumes: [], capabilities: [] },
    isProxyShared: options.isProxyShared ?? false,
    drainSeconds: options.drainSeconds ?? 0,
    ...(options.signal
      ? { drain: options.drain ?? options.signal, signal: options.signal }
      : untilSignalled()),
  };
}

/** The host name with the characters that an agent id may have. */
function hostNameAsId(): string {
  return (
    hostname()
      .replaceAll(/[^A-Za-z0-9._-]/g, '-')
      .slice(0, 80) || 'agent'
  );
}

function gatewayUrl(address: string): string {
  const url = new URL(address);
  const path = url.pathname.replace(/\/+$/, '').replace(/\/api\/v1(\/gateway)?$/, '');
  return `${url.protocol.replace('http', 'ws')}//${url.host}${path}${GATEWAY_PATH}`;
}

function untilSignalled(): { readonly drain: AbortSignal; readonly signal: AbortSignal } {
  const first = new AbortController();
  const second = new AbortController();
  const signalled = (): void => (first.signal.aborted ? second : first).abort();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, signalled);
  return { drain: first.signal, signal: second.signal };
}

export function helloOf({ agentId, slots }: CompleteAgentOptions): Omit<AgentHello, 'labels' | 'gpus'> {
  return {
    agent_id: agentId,
    slots,
    version: packageVersion,
    features: known,
    runs: [],
    draining: false,
    hosts_services: true,
    platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
}

async function hasPython(): Promise<boolean> {
  try {
    // In the environment of a run: a version manager that needs the user's home does not work there.
    const env = cleanEnvironment(tmpdir(), tmpdir());
    await promisify(execFile)('python3', ['--version'], { env, timeout: PYTHON_LIMIT_MS });
    return true;
  } catch {
    return false;
  }
}

/** What the server sends to its local agent over IPC; the key is stored nowhere else. */
const localAgentOrder = z.object({
  gateways: z.array(z.string()).min(1),
  key: z.string(),
  agentId: z.string(),
  labels: z.array(z.string()),
  slots: z.number().int(),
  workDir: z.string(),
  isProxyShared: z.boolean(),
  drainSeconds: z.number().int(),
  confinement: z.object({ mode: z.string(), hidden: z.array(z.string()) }).optional(),
  containers: z
    .object({
      socket: z.string(),
      volumes: z.array(z.string()),
      capabilities: z.array(z.string()),
      registryCredentials: z.string().optional(),
    })
    .optional(),
  /** For the files of tasks; the umask of the server is stricter. */
  umask: z.number().int(),
});

/** Runs the agent of the server that started this process, and ends with it. */
export async function runLocalAgent(): Promise<void> {
  if (!process.channel) throw new Error('agent --local is started by the server itself.');
  const end = new AbortController();
  const drain = new AbortController();
  process.once('disconnect', () => end.abort());
  process.once('SIGTERM', () => drain.abort());
  // Ctrl-C sends SIGINT to every process of the terminal; the server stops this one by SIGTERM.
  process.on('SIGINT', () => undefined);
  try {
    const either = AbortSignal.any([drain.signal, end.signal]);
    const message = await Promise.race([once(process, 'message'), once(either, 'abort')]);
    if (either.aborted) return;
    const { umask, ...order } = localAgentOrder.parse(message[0]);
    process.umask(umask);
    await runAgent({ ...order, drain: drain.signal, signal: end.signal });
  } finally {
    // An open channel would keep the process alive.
    if (process.connected) process.disconnect();
  }
}
