import type { z } from 'zod';

import { CONTAINER_LABEL, PYTHON_LABEL, type RunStep } from '../../contract/index.js';
import type { YamlPath, YamlSource } from '../definitions/index.js';
import type { CompiledWorkflow, ParametersSchema } from './compiled-workflow.js';
import { namedParameters, referenceProblem, referencesOf, templateProblem } from './references.js';
import { checkAgainstStandard } from './standard-check.js';
import type { SchemaReport } from './validation/schema-faults.js';
import { type WorkflowDocument, workflowDocument, type WorkflowStep } from './workflow-dsl.js';

const SCHEMA = ['input', 'schema', 'document'];
const TOOL = ['document', 'metadata', 'tool'];
/** Hosts take names of tools with up to 64 characters, and the tool is called `run_` and the name of the workflow. */
const LONGEST_TOOL = 60;
/** Keywords at the root of an input that models' interfaces refuse. */
const NOT_AT_ROOT = ['allOf', 'anyOf', 'oneOf', '$ref'] as const;

/** Checks that compiling depends on. */
export interface CompilerChecks {
  /** Whether the same workflow has passed the slow checks before. */
  readonly isKnown: (workflow: CompiledWorkflow) => Promise<boolean>;
  readonly schemaReport: (schema: ParametersSchema) => Promise<SchemaReport>;
  /** Receives warnings for the author in the form `file:line: …`. */
  readonly warn: (message: string) => void;
}

/**
 * Compiles a workflow file.
 *
 * @throws {DefinitionError} with the line and the problem.
 */
export async function compileWorkflow(
  source: YamlSource,
  { isKnown, schemaReport, warn }: CompilerChecks,
): Promise<CompiledWorkflow> {
  const parsed = workflowDocument.safeParse(source.value);
  if (!parsed.success) throw validationError(source, parsed.error.issues);
  const { document, input, timeout, do: steps } = parsed.data;
  const compiled = steps.map((named, index) => compileStep(source, named, index));
  const schema = (input?.schema.document as ParametersSchema | undefined) ?? namedParameters(compiled);
  for (const [index, step] of compiled.entries()) checkReferences(source, step, { index, schema });
  const workflow: CompiledWorkflow = {
    slug: document.name,
    display_name: document.title ?? document.name,
    description: document.summary ?? '',
    ...(document.tags && { tags: document.tags }),
    document_version: document.version,
    required_labels: labelsOf(document.metadata.labels, compiled),
    ...retriesOf(document.metadata),
    ...(document.metadata.confirm !== undefined && { confirm: document.metadata.confirm }),
    task_timeout: timeout?.after ?? 0,
    schema,
    steps: compiled,
    ...(document.metadata.tool && { is_tool: true as const }),
  };
  const problem = document.metadata.tool ? toolProblem(workflow) : undefined;
  if (problem) throw source.error(TOOL, placed(TOOL, problem));
  for (const warning of largeIntegerWarnings(source)) warn(warning);
  if (await isKnown(workflow)) return workflow;
  const { fault, warnings } = await schemaReport(schema);
  if (fault) throw source.error([...SCHEMA, ...fault.path], placed([...SCHEMA, ...fault.path], fault.reason));
  for (const warning of warnings) warn(source.error(SCHEMA, `${SCHEMA.join('.')}: ${warning}`).message);
  await checkAgainstStandard(source);
  return workflow;
}

function retriesOf({
  max_retries,
  retry,
}: WorkflowDocument['document']['metadata']): Pick<CompiledWorkflow, 'max_retries' | 'retry'> {
  if (!retry) return { max_retries: max_retries ?? 0 };
  const { backoff = 'exponential', delay, limit } = retry;
  return { max_retries: limit?.attempt.count ?? max_retries ?? 0, retry: { backoff, delay } };
}

/** Why a workflow cannot be a tool of its own. */
function toolProblem({ slug, schema }: CompiledWorkflow): string | undefined {
  if (slug.length > LONGEST_TOOL) return `needs a document.name of at most ${LONGEST_TOOL} characters`;
  const keyword = NOT_AT_ROOT.find((each) => each in schema);
  return (
    keyword && `needs an input schema without ${keyword} at its root, which many clients refuse of a tool`
  );
}

/** The labels of the author, and those that the steps require. */
function labelsOf(labels: readonly string[], steps: readonly RunStep[]): string[] {
  const required = steps.flatMap((step) => {
    if (step.kind === 'container') return [CONTAINER_LABEL];
    return step.kind === 'script' && step.language === 'python' ? [PYTHON_LABEL] : [];
  });
  return [...new Set([...labels, ...required])].sort();
}

/** Prefers an unsupported keyword to a missing one, which may be its consequence. */
function validationError(source: YamlSource, issues: readonly z.core.$ZodIssue[]): Error {
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  const path: YamlPath = (issue?.path ?? []).map((part) => (typeof part === 'number' ? part : String(part)));
  const place = path.length === 0 ? 'the file' : path.join('.');
  if (issue?.code === 'unrecognized_keys') {
    const [unknown = ''] = issue.keys;
    return source.error([...path, unknown], `"${unknown}" in ${place} is not supported`);
  }
  return source.error(path, `${place} ${decapitalised(issue?.message ?? 'is not valid')}`);
}

const decapitalised = (message: string): string => {
  if (message.endsWith('received undefined')) return 'is missing';
  return message.startsWith('Invalid input: ')
    ? `is not valid: ${message.slice('Invalid input: '.length)}`
    : message;
};

const placed = (path: YamlPath, reason: string): string => `${path.join('.')}: ${reason}`;

/**
 * An integer beyond 2^53 loses precision. In a schema, where generators write the limits of 64-bit numbers, the nearest
 * number is used with a warning; elsewhere it is an error, since a process would receive another number.
 */
function largeIntegerWarnings(source: YamlSource): string[] {
  return source.largeIntegers.map(({ path, written, used }) => {
    const isInSchema = SCHEMA.every((part, depth) => path[depth] === part);
    const fact = `${written} is beyond ${Number.MAX_SAFE_INTEGER} and would be rounded to ${used}`;
    if (!isInSchema) throw source.error(path, placed(path, `${fact}: put it in quotes`));
    return source.error(
      path,
      placed(path, `${fact}, which is what is used: take a smaller number, or type string`),
    ).message;
  });
}

function compileStep(source: YamlSource, named: WorkflowDocument['do'][number], index: number): RunStep {
  const [[name, step] = ['', undefined]] = Object.entries(named);
  if (step === undefined) throw source.error(['do', index], 'a step must have a name');
  return { ...runStepOf(name, step), ...(step.timeout && { timeout_seconds: step.timeout.after }) };
}

function checkReferences(
  source: YamlSource,
  step: RunStep,
  { index, schema }: { index: number; schema: ParametersSchema },
): void {
  const problem =
    referenceProblem(referencesOf(step), schema) ??
    (step.kind === 'http' ? templateProblem(step.endpoint, schema) : undefined);
  if (!problem) return;
  const within = step.kind === 'http' ? ['with'] : ['run', step.kind];
  throw source.error(['do', index, step.name, ...within, ...problem.path], problem.reason);
}

function runStepOf(name: string, step: WorkflowStep): RunStep {
  if ('call' in step) {
    const { method, ...rest } = step.with;
    return { kind: 'http', name, method: method.toUpperCase(), ...rest };
  }
  const { shell, script, container } = step.run;
  if (container) return containerStepOf(name, container, step.metadata.resources);
  if (shell) return { kind: 'shell', name, ...shell };
  if (!script) throw new Error(`step ${name} passed the check, but neither shell nor script is there`);
  const { language, code, arguments: given, environment } = script;
  // JavaScript is the default: versions that were stored before Python was supported have no language.
  const isPython = language === 'python';
  return { kind: 'script', name, ...(isPython && { language }), code, arguments: given, environment };
}

type RunKeyword = Extract<WorkflowStep, { run: unknown }>;

function containerStepOf(
  name: string,
  { image, pullPolicy, volumes, command, ...rest }: NonNullable<RunKeyword['run']['container']>,
  resources: RunKeyword['metadata']['resources'],
): RunStep {
  const { cpu, memory: memory_bytes, gpus } = resources ?? {};
  return {
    kind: 'container',
    name,
    container: {
      image,
      pull_policy: pullPolicy,
      volumes: Object.entries(volumes).map(([host_path, target]) => ({ host_path, ...target })),
      resources: { cpu, memory_bytes, gpus },
    },
    ...(command !== undefined && { command }),
    ...rest,
  };
}
