import type { V1ResourceRequirements } from '@kubernetes/client-node';

import type { ContainerResources, RunOrder } from '../../contract/index.js';
import type { ContainerStep } from '../runs/executor.js';
import { type JobProfile, type PodUser, podUserOf } from './job-profiles.js';
import { amountOf } from './quantity.js';

/** The container of a run whose step is one: what the pod runs beside the agent. */
export interface MainContainer {
  readonly step: ContainerStep;
  readonly resources: V1ResourceRequirements;
  readonly user: PodUser;
}

/** Why the pods of a profile cannot run a container; a sentence for the author of the workflow. */
export interface RefusedContainer {
  readonly refusal: string;
}

const ELSEWHERE = 'give the workflow a label of an agent that runs containers with Docker or Podman';

/**
 * The container of a run in the pods of a profile. It has the resources of its step, up to the limits of the profile, and
 * those of the profile for what the step leaves out.
 *
 * @returns `undefined` when no step is a container.
 */
export function mainContainerOf(
  { steps }: Pick<RunOrder, 'steps'>,
  profile: JobProfile,
): MainContainer | RefusedContainer | undefined {
  const step = steps.find((one) => one.kind === 'container');
  if (!step) return undefined;
  const { name, container } = step;
  const [volume] = container.volumes;
  if (steps.length > 1)
    return refused(
      `Step ${name} is a container, which on Kubernetes is the only step of its workflow. Put it into a workflow of its own, or ${ELSEWHERE}.`,
    );
  if (volume)
    return refused(
      `Step ${name} mounts ${volume.host_path} of its machine, which a pod does not get. Pass files as parameters, or ${ELSEWHERE}.`,
    );
  const resources = podResources(container.resources, profile);
  if ('excess' in resources)
    return refused(
      `Step ${name} asks for ${resources.excess}. Ask for less, or have the operator raise the limit of the profile.`,
    );
  return { step, ...resources, user: podUserOf(profile) };
}

/** What a container gets that asks for this, or what it asks for beyond the limits of the profile. */
export function podResources(
  wanted: ContainerResources,
  profile: JobProfile,
): Pick<MainContainer, 'resources'> | { readonly excess: string } {
  const excess = excessOf(wanted, profile);
  return excess === undefined ? { resources: resourcesOf(wanted, profile) } : { excess };
}

const refused = (refusal: string): RefusedContainer => ({ refusal });

/** What a step asks for beyond the limits of its profile; the operator may set none for processors and memory. */
function excessOf(wanted: ContainerResources, { name, resources }: JobProfile): string | undefined {
  const { limits = {} } = resources;
  const { cpu, memory_bytes, gpus = 0 } = wanted;
  const isMore = (amount: number | undefined, limit: string | undefined): boolean =>
    amount !== undefined && limit !== undefined && amount > (amountOf(limit) ?? Infinity);
  if (isMore(cpu, limits['cpu'])) return `${cpu} processors, and profile ${name} allows ${limits['cpu']}`;
  if (isMore(memory_bytes, limits['memory']))
    return `${memoryText(memory_bytes)} of memory, and profile ${name} allows ${limits['memory']}`;
  const offered = amountOf(limits[gpuResourceOf(limits)] ?? '0') ?? 0;
  if (gpus < 0 && offered === 0) return `all GPUs, and profile ${name} has none`;
  if (gpus > offered) return `${gpus} GPUs, and profile ${name} has ${offered}`;
  return undefined;
}

function resourcesOf(wanted: ContainerResources, { resources }: JobProfile): V1ResourceRequirements {
  const given = amountsOf(wanted);
  const limits: Record<string, string> = { ...resources.limits, ...given };
  const requests: Record<string, string> = { ...resources.requests, ...given };
  const gpu = gpuResourceOf(limits);
  if (wanted.gpus === 0) {
    delete limits[gpu];
    delete requests[gpu];
  } else if (wanted.gpus !== undefined && wanted.gpus > 0) {
    limits[gpu] = String(wanted.gpus);
    // Kubernetes takes no other request than the limit.
    if (gpu in requests) requests[gpu] = String(wanted.gpus);
  }
  return { requests, limits };
}

/** A container that is sure of what it asks for is the last one that a node evicts. */
const amountsOf = ({ cpu, memory_bytes }: ContainerResources): Record<string, string> => ({
  ...(cpu !== undefined && { cpu: `${Math.round(cpu * 1000)}m` }),
  ...(memory_bytes !== undefined && { memory: String(memory_bytes) }),
});

/** The name by which a profile offers GPUs: `nvidia.com/gpu`, or that of another vendor. */
const gpuResourceOf = (limits: Readonly<Record<string, string>>): string =>
  Object.keys(limits).find((name) => name.endsWith('/gpu')) ?? 'nvidia.com/gpu';

function memoryText(bytes = 0): string {
  return bytes % 2 ** 20 === 0 ? `${bytes / 2 ** 20}Mi` : `${bytes} bytes`;
}
