import type { ContainerCreateOptions, HostConfig } from 'dockerode';

import type { ContainerResources, ContainerVolume } from '../../contract/index.js';
import { ContainerFailure } from './container-failure.js';
import { type EngineFacts, ownLimits } from './engine-facts.js';

/** A fork bomb must not take the machine. */
const PROCESSES = 4096;

/** What a container is made of. */
export interface ContainerPlan {
  readonly image: string;
  /** `undefined`: the program of the image. */
  readonly program?: readonly string[] | undefined;
  /** Empty: those of the image. */
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Working directory; that of the image without it. */
  readonly folder?: string;
  /** Of the agent itself, so that the agent can read and remove what the container writes; else of the image. */
  readonly user: 'agent' | 'image';
  /** Folders of the agent, and volumes that are allowed. */
  readonly volumes: readonly ContainerVolume[];
  readonly resources: ContainerResources;
  /** Published on a free port of the loopback interface. */
  readonly port?: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Linux capabilities that it keeps. */
  readonly capabilities: readonly string[];
}

/** The request for an engine. @throws {ContainerFailure} when the engine cannot keep a limit. */
export function createOptionsOf(plan: ContainerPlan, facts: EngineFacts): ContainerCreateOptions {
  const port = plan.port === undefined ? undefined : `${plan.port}/tcp`;
  return {
    Image: plan.image,
    ...(plan.program && { Entrypoint: [...plan.program] }),
    ...(plan.arguments.length > 0 && { Cmd: [...plan.arguments] }),
    Env: Object.entries(plan.environment).map(([name, value]) => `${name}=${value}`),
    ...(plan.folder !== undefined && { WorkingDir: plan.folder }),
    ...(plan.user === 'agent' && { User: agentUser(facts) }),
    Labels: { ...plan.labels },
    // Only for a removal by hand: the agent ends containers itself.
    StopTimeout: 1,
    ...(port !== undefined && { ExposedPorts: { [port]: {} } }),
    HostConfig: {
      Binds: plan.volumes.map((volume) => bindOf(volume, facts)),
      CapDrop: ['ALL'],
      ...(plan.capabilities.length > 0 && { CapAdd: [...plan.capabilities] }),
      SecurityOpt: ['no-new-privileges'],
      ...(facts.mapsUsers && { UsernsMode: 'host' }),
      ...(facts.isPodman && { Ulimits: ownLimits() }),
      // The agent keeps the output; a second copy would grow without a bound.
      LogConfig: { Type: 'none', Config: {} },
      ...limitsOf(plan.resources, facts),
      ...gpusOf(plan.resources, facts),
      ...(port !== undefined && { PortBindings: { [port]: [{ HostIp: '127.0.0.1', HostPort: '' }] } }),
    },
  };
}

function agentUser({ isRootless }: EngineFacts): string {
  return isRootless ? '0:0' : `${process.geteuid?.() ?? 0}:${process.getegid?.() ?? 0}`;
}

function bindOf(
  { host_path, container_path, read_only }: ContainerVolume,
  { usesSelinux }: EngineFacts,
): string {
  const options = [read_only ? 'ro' : 'rw', ...(usesSelinux ? ['z'] : [])];
  return `${host_path}:${container_path}:${options.join(',')}`;
}

function limitsOf({ cpu, memory_bytes }: ContainerResources, { name, limits }: EngineFacts): HostConfig {
  const missing = [
    ...(memory_bytes !== undefined && !limits.memory ? ['memory'] : []),
    ...(cpu !== undefined && !limits.cpu ? ['cpu'] : []),
  ];
  if (missing.length > 0) {
    throw new ContainerFailure(
      `${name} on this agent cannot limit ${missing.join(' and ')}: its user has no control groups for that`,
    );
  }
  return {
    ...(limits.pids && { PidsLimit: PROCESSES }),
    ...(memory_bytes !== undefined && { Memory: memory_bytes }),
    // Without swap: a program that needs more should end, not slow the machine.
    ...(memory_bytes !== undefined && limits.swap && { MemorySwap: memory_bytes }),
    ...(cpu !== undefined && { NanoCpus: Math.round(cpu * 1e9) }),
  };
}

function gpusOf({ gpus = 0 }: ContainerResources, { isPodman }: EngineFacts): HostConfig {
  if (gpus === 0) return {};
  if (!isPodman) return { DeviceRequests: [{ Driver: '', Count: gpus, Capabilities: [['gpu']] }] };
  // Podman ignores device requests and takes the names of the Container Device Interface.
  const names = gpus < 0 ? ['all'] : [...Array(gpus).keys()].map(String);
  const device = (name: string) => ({
    PathOnHost: `nvidia.com/gpu=${name}`,
    PathInContainer: '',
    CgroupPermissions: '',
  });
  return { Devices: names.map(device) };
}
