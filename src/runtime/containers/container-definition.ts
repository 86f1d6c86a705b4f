import { z } from 'zod';

import type { ServiceOrder } from '../../contract/index.js';
import { containerFields } from '../definitions/index.js';

/** The fields of a service that is a container, as Cyberun names them where it has them. */
export const containerDefinition = {
  docker_image: containerFields.image.optional(),
  pull_policy: containerFields.pullPolicy.optional(),
  volume_config: z
    .array(
      z.strictObject({
        host_path: containerFields.hostPath,
        container_path: containerFields.containerPath,
        read_only: z.boolean().default(false),
      }),
    )
    .optional(),
  gpu_count: containerFields.gpuCount.optional(),
  resources: z
    .strictObject({ cpu: containerFields.cpu.optional(), memory: containerFields.memory.optional() })
    .optional(),
};

type ContainerDefinition = z.infer<z.ZodObject<typeof containerDefinition>>;

/** Adds an issue for fields that do not fit to what runs the service: its command, or an image. */
export function checkWhatRuns(
  definition: ContainerDefinition & { readonly command: readonly string[] },
  context: z.RefinementCtx,
): void {
  const { docker_image, command } = definition;
  if (docker_image !== undefined) return;
  const issue = (field: string, message: string): void =>
    context.addIssue({ code: 'custom', path: [field], message });
  if (command.length === 0) issue('command', 'must be a program and its arguments, or docker_image an image');
  for (const field of ['pull_policy', 'volume_config', 'gpu_count', 'resources'] as const)
    if (definition[field] !== undefined) issue(field, 'is for a service with docker_image');
}

/** The container that an agent makes of a service; `undefined` when the service is a process. */
export function containerOf(
  definition: ContainerDefinition & { readonly port: number },
): ServiceOrder['container'] {
  const { docker_image: image, pull_policy = 'ifNotPresent', port, resources, gpu_count } = definition;
  if (image === undefined) return undefined;
  return {
    image,
    pull_policy,
    volumes: definition.volume_config ?? [],
    resources: { cpu: resources?.cpu, memory_bytes: resources?.memory, gpus: gpu_count },
    port,
  };
}
