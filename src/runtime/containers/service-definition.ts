import { parse } from 'node:path';

import { z } from 'zod';

import {
  type AgentFeature,
  CONTAINER_LABEL,
  HOSTS_CONTAINERS,
  HOSTS_SERVICES,
  LABEL,
  type BundleRef,
  PORT_REFERENCE,
} from '../../contract/index.js';
import type { YamlSource } from '../definitions/index.js';
import { checkWhatRuns, containerDefinition } from './container-definition.js';

/** The name of a file or folder beside the definition. */
const BESIDE = /^(?!\.{1,2}$)[^/\\]+$/;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/;

const path = z.string().max(500).regex(/^\//, 'must begin with "/"');

const fields = z.strictObject({
  ...containerDefinition,
  slug: z
    .string()
    .regex(
      /^[a-z0-9][a-z0-9-]{1,98}[a-z0-9]$/,
      'must be 3 to 100 lower-case letters, digits and inner hyphens',
    ),
  display_name: z.string().min(1).max(255).optional(),
  service_desc: z.string().max(2000).optional(),
  command: z
    .array(
      z.string().refine((word) => !word.includes('${') || PORT_REFERENCE.test(word), {
        error: 'may hold no reference but the whole argument "${ .port }"',
      }),
    )
    .default([]),
  port: z.number().int().min(1).max(65_535).default(8080),
  health_path: path.default('/health'),
  /** Durations are parsed to milliseconds. */
  health: z
    .strictObject({
      interval: duration('100ms', '1h').default(5000),
      timeout: duration('100ms', '1h').default(5000),
      failures: z.number().int().min(1).max(1000).default(3),
    })
    .prefault({}),
  /** Model servers take minutes to load. */
  start_timeout: duration('1s', '24h').default(600_000),
  /** How long a caller waits for the start of a response. */
  request_timeout: duration('1s', '24h').default(600_000),
  env_config: z
    .array(
      z.strictObject({
        env_name: z.string().regex(/^[A-Za-z_]\w*$/, 'must be the name of a variable'),
        env_value: z.union([z.string(), z.number(), z.boolean()]).transform(String),
      }),
    )
    .default([]),
  /** Additional files and folders beside the definition that are sent to the agent. */
  files: z.array(z.string().regex(BESIDE, 'must name a file or folder beside the definition')).default([]),
  required_labels: z.array(z.string().regex(LABEL, 'must be a label')).default([]),
  replica_count: z.number().int().min(1, 'must be 1 to 10').max(10, 'must be 1 to 10').default(1),
  usage_prompt: z.string().max(20_000).optional(),
  openapi_url: path.optional(),
});
const serviceDefinition = fields.superRefine(checkWhatRuns);
export type ServiceDefinition = z.infer<typeof serviceDefinition> & {
  /** Names of the files and folders beside the definition that belong to it. */
  readonly beside: readonly string[];
  /** Their contents. */
  readonly bundle?: BundleRef | undefined;
};

/**
 * Parses a service file.
 *
 * @throws {DefinitionError} with the line and the problem.
 */
export function parseServiceDefinition(source: YamlSource, file: string): ServiceDefinition {
  const parsed = serviceDefinition.safeParse(source.value);
  if (parsed.success) {
    const { data } = parsed;
    return { ...data, required_labels: labelsOf(data), beside: besideOf(data, file) };
  }
  const [issue] = parsed.error.issues;
  const place = (issue?.path ?? []).map((part) => (typeof part === 'number' ? part : String(part)));
  if (issue?.code === 'unrecognized_keys') {
    const [unknown = ''] = issue.keys;
    throw source.error([...place, unknown], `"${[...place, unknown].join('.')}" is not supported`);
  }
  throw source.error(place, `${place.join('.') || 'the file'}: ${issue?.message ?? 'is not valid'}`);
}

/** The labels of the author, and the one that a container requires. */
const labelsOf = ({ docker_image, required_labels }: z.infer<typeof serviceDefinition>): string[] => [
  ...new Set([...required_labels, ...(docker_image === undefined ? [] : [CONTAINER_LABEL])]),
];

/** The labels that an agent must have for a service, and the features. */
export function serviceRequirements(definition: ServiceDefinition): string[] {
  const { required_labels, replica_count, bundle } = definition;
  const features: AgentFeature[] = [isImageAlone(definition) ? HOSTS_CONTAINERS : HOSTS_SERVICES];
  if (bundle) features.push('feature.bundles');
  if (replica_count > 1) features.push('feature.service-replicas');
  return [...required_labels, ...features];
}

/** Whether it needs nothing of the machine of its agent. */
const isImageAlone = ({ docker_image, volume_config = [], bundle }: ServiceDefinition): boolean =>
  docker_image !== undefined && volume_config.length === 0 && bundle === undefined;

/** The folder with the name of the file, relative paths in the command, and the `files`. */
function besideOf(
  { command, docker_image, files }: z.infer<typeof serviceDefinition>,
  file: string,
): string[] {
  // The paths in a command of a container are those of its image.
  if (docker_image !== undefined) return [parse(file).name, ...files];
  // A program without a slash is looked up on the PATH.
  const paths = command.filter((word, index) => index > 0 || word.includes('/'));
  const named = paths.map((word) => word.replace(/^\.\//, '').split('/')[0] ?? '');
  return [parse(file).name, ...files, ...named.filter((name) => BESIDE.test(name) && name !== file)];
}

/** A duration such as `90s` or `10m`, parsed to milliseconds; a plain number is seconds. */
function duration(least: string, most: string) {
  const [least_ms = 0, most_ms = 0] = [least, most].map(millisecondsOf);
  return z.union([z.number(), z.string()]).transform((value, context) => {
    const ms = millisecondsOf(value);
    if (ms !== undefined && ms >= least_ms && ms <= most_ms) return ms;
    context.addIssue({
      code: 'custom',
      message: `must be a duration from ${least} to ${most}, as in 90s, 10m or 2h; a plain number is seconds`,
    });
    return z.NEVER;
  });
}

function millisecondsOf(value: string | number): number | undefined {
  if (typeof value === 'number') return value * 1000;
  const [, count, unit = ''] = DURATION.exec(value) ?? [];
  return count === undefined ? undefined : Number(count) * (UNITS[unit] ?? 0);
}
