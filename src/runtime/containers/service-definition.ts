import { parse } from 'node:path';

import { z } from 'zod';

import type { BundleRef } from '../../contract/index.js';
import type { YamlSource } from '../definitions/index.js';
import { duration } from './duration.js';

const PORT_REFERENCE = /^\$\{\s*\.port\s*\}$/;
const LABEL = /^[A-Za-z0-9._-]{1,63}$/;

/** A name, with no way out of the folder. */
const BESIDE = /^(?!\.{1,2}$)[^/\\]+$/;

const path = z.string().max(500).regex(/^\//, 'must begin with "/"');

const serviceDefinition = z.strictObject({
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
    .min(1),
  port: z.number().int().min(1).max(65_535).default(8080),
  health_path: path.default('/health'),
  /** Durations are milliseconds. */
  health: z
    .strictObject({
      interval: duration('100ms', '1h').default(5000),
      timeout: duration('100ms', '1h').default(5000),
      failures: z.number().int().min(1).max(1000).default(3),
    })
    .prefault({}),
  /** Model servers load for minutes. */
  start_timeout: duration('1s', '24h').default(600_000),
  /** How long a caller waits for the beginning of an answer. */
  request_timeout: duration('1s', '24h').default(600_000),
  env_config: z
    .array(
      z.strictObject({
        env_name: z.string().regex(/^[A-Za-z_]\w*$/, 'must be the name of a variable'),
        env_value: z.union([z.string(), z.number(), z.boolean()]).transform(String),
      }),
    )
    .default([]),
  /** Further files and folders beside the definition that go to the agent. */
  files: z.array(z.string().regex(BESIDE, 'must name a file or folder beside the definition')).default([]),
  required_labels: z.array(z.string().regex(LABEL, 'must be a label')).default([]),
  replica_count: z.literal(1, { error: 'is 1; more replicas are not supported' }).default(1),
  usage_prompt: z.string().max(20_000).optional(),
  openapi_url: path.optional(),
});
/** A service as its file defines it. */
export type ServiceDefinition = z.infer<typeof serviceDefinition> & {
  /** Names of the files and folders beside the definition that belong to it. */
  readonly beside: readonly string[];
  /** What they hold. */
  readonly bundle?: BundleRef | undefined;
};

/**
 * Reads a service file.
 *
 * @throws {DefinitionError} naming the line and what is not right there.
 */
export function parseServiceDefinition(source: YamlSource, file: string): ServiceDefinition {
  const parsed = serviceDefinition.safeParse(source.value);
  if (parsed.success) return { ...parsed.data, beside: besideOf(parsed.data, file) };
  const [issue] = parsed.error.issues;
  const place = (issue?.path ?? []).map((part) => (typeof part === 'number' ? part : String(part)));
  if (issue?.code === 'unrecognized_keys') {
    const [unknown = ''] = issue.keys;
    throw source.error([...place, unknown], `"${[...place, unknown].join('.')}" is not supported`);
  }
  throw source.error(place, `${place.join('.') || 'the file'}: ${issue?.message ?? 'is not valid'}`);
}

/** The folder that is called as the file, what the command names by a relative path, and the `files`. */
function besideOf({ command, files }: z.infer<typeof serviceDefinition>, file: string): string[] {
  // A program without a slash is looked up on the PATH.
  const paths = command.filter((word, index) => index > 0 || word.includes('/'));
  const named = paths.map((word) => word.replace(/^\.\//, '').split('/')[0] ?? '');
  return [parse(file).name, ...files, ...named.filter((name) => BESIDE.test(name) && name !== file)];
}
