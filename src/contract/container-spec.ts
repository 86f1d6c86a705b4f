import { z } from 'zod';

/** Label of the agents that have a container engine. */
export const CONTAINER_LABEL = 'container';

export const PULL_POLICIES = ['ifNotPresent', 'always', 'never'] as const;

/** A folder or file of the agent's machine inside a container. */
export const containerVolume = z.object({
  host_path: z.string(),
  container_path: z.string(),
  read_only: z.boolean(),
});
export type ContainerVolume = z.infer<typeof containerVolume>;

/** What a container gets of its machine; `undefined`: no limit of its own. */
export const containerResources = z.object({
  /** Processors, also a part of one. */
  cpu: z.number().optional(),
  memory_bytes: z.number().int().optional(),
  /** -1: all of the machine. */
  gpus: z.number().int().optional(),
});
export type ContainerResources = z.infer<typeof containerResources>;

/** The container that an agent makes for a step or a service. */
export const containerSpec = z.object({
  image: z.string(),
  pull_policy: z.enum(PULL_POLICIES),
  volumes: z.array(containerVolume),
  resources: containerResources,
});
export type ContainerSpec = z.infer<typeof containerSpec>;
