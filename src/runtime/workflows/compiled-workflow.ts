import type { AgentFeature, BundleRef, RunStep } from '../../contract/index.js';

/** The keywords of JSON Schema that the runtime itself uses, to describe parameters; the validator uses all of them. */
export interface ParameterSchema {
  readonly type?: string | string[];
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly contentMediaType?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Record<string, ParameterSchema>;
  readonly items?: unknown;
  readonly prefixItems?: unknown;
  readonly $ref?: string;
  readonly allOf?: readonly ParameterSchema[];
  readonly anyOf?: readonly ParameterSchema[];
  readonly oneOf?: readonly ParameterSchema[];
}

/** JSON Schema of the parameters of a run, always an object. */
export interface ParametersSchema {
  readonly type: 'object';
  readonly properties?: Record<string, ParameterSchema>;
  readonly required?: string[];
}

/** How long a failed run waits before it is repeated. */
export interface RetryPolicy {
  readonly backoff: 'constant' | 'linear' | 'exponential';
  /** Wait before the first retry, in seconds; `undefined`: that of the settings. */
  readonly delay?: number | undefined;
}

/** A validated workflow file, reduced to what a run needs; stored as a version. */
export interface CompiledWorkflow {
  readonly slug: string;
  readonly display_name: string;
  readonly description: string;
  /** For people and searches; absent when there are none. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** The author's own version, for information. */
  readonly document_version: string;
  readonly required_labels: string[];
  readonly max_retries: number;
  /** Without it the backoff is exponential. */
  readonly retry?: RetryPolicy | undefined;
  /** What to ask before a run; absent when it needs no confirmation. */
  readonly confirm?: string | undefined;
  /** Seconds; 0 means that the author has set no limit. */
  readonly task_timeout: number;
  readonly schema: ParametersSchema;
  readonly steps: RunStep[];
  /** MCP servers may offer it as a tool of its own; absent when not. */
  readonly is_tool?: true | undefined;
  /** The files in the folder that has the name of the definition file. */
  readonly bundle?: BundleRef | undefined;
}

/**
 * The labels that an agent must have for a run, and the features; sorted, since they name a queue. They are found anew for
 * each run, because the versions that are stored know nothing of features.
 */
export function runRequirements({ required_labels, steps, bundle }: CompiledWorkflow): string[] {
  const features: AgentFeature[] = [];
  if (bundle) features.push('feature.bundles');
  if (steps.some(({ timeout_seconds }) => timeout_seconds !== undefined))
    features.push('feature.step-timeouts');
  return [...required_labels, ...features].sort();
}

/** Parameters whose value is a file_key. */
export const fileParametersOf = ({ schema }: Pick<CompiledWorkflow, 'schema'>): string[] =>
  Object.entries(schema.properties ?? {}).flatMap(([key, { format }]) => (format === 'file' ? [key] : []));

/** The accepted media types of a file parameter, such as `image/*`; `undefined` when every type is accepted. */
export const acceptedTypes = ({
  contentMediaType,
}: {
  readonly contentMediaType?: string | undefined;
}): string[] | undefined => contentMediaType?.split(',').map((type) => type.trim());
