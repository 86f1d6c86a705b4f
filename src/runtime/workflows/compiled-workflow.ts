import type { BundleRef, RunStep } from '../../contract/index.js';

/** The part of JSON Schema the runtime itself looks at; the rest is the validator's business. */
export interface ParameterSchema {
  readonly type?: string | string[];
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: unknown[];
  readonly format?: string;
  readonly contentMediaType?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Record<string, ParameterSchema>;
}

/** JSON Schema of a run's parameters; always of an object. */
export interface ParametersSchema {
  readonly type: 'object';
  readonly properties?: Record<string, ParameterSchema>;
  readonly required?: string[];
}

/** A workflow file, checked and reduced to what running it takes; stored as a version. */
export interface CompiledWorkflow {
  readonly slug: string;
  readonly display_name: string;
  readonly description: string;
  /** The author's own version, for information. */
  readonly document_version: string;
  readonly required_labels: string[];
  readonly max_retries: number;
  /** Seconds; 0 means no limit of the author's. */
  readonly task_timeout: number;
  readonly schema: ParametersSchema;
  readonly steps: RunStep[];
  /** The files in the folder that is called as the definition's file. */
  readonly bundle?: BundleRef | undefined;
}

/** Parameters whose value is the key of an uploaded file. */
export const fileParametersOf = ({ schema }: Pick<CompiledWorkflow, 'schema'>): string[] =>
  Object.entries(schema.properties ?? {}).flatMap(([key, { format }]) => (format === 'file' ? [key] : []));

/** The media types a file parameter takes, such as `image/*`; `undefined` when it takes every one. */
export const acceptedTypes = ({
  contentMediaType,
}: {
  readonly contentMediaType?: string | undefined;
}): string[] | undefined => contentMediaType?.split(',').map((type) => type.trim());
