import type { z } from 'zod';

import { PYTHON_LABEL, type RunStep } from '../../contract/index.js';
import { YamlSource, type YamlPath } from '../definitions/index.js';
import type { CompiledWorkflow, ParametersSchema } from './compiled-workflow.js';
import { ParameterValidator } from './parameter-validator.js';
import { referenceProblem } from './references.js';
import { checkAgainstStandard } from './standard-check.js';
import { type WorkflowDocument, workflowDocument, type WorkflowStep } from './workflow-dsl.js';

const NO_PARAMETERS: ParametersSchema = { type: 'object', properties: {} };

/**
 * Turns the text of a workflow file into what running it takes. What `isKnown` was compiled before and passed
 * the slow checks then.
 *
 * @throws {DefinitionError} naming the line and what is not supported or not right there.
 */
export async function compileWorkflow(
  file: string,
  text: string,
  isKnown: (workflow: CompiledWorkflow) => Promise<boolean>,
): Promise<CompiledWorkflow> {
  const source = YamlSource.parse(file, text);
  const parsed = workflowDocument.safeParse(source.value);
  if (!parsed.success) throw refusal(source, parsed.error.issues);
  const { document, input, timeout, do: steps } = parsed.data;
  const schema = (input?.schema.document as ParametersSchema | undefined) ?? NO_PARAMETERS;
  const compiled = steps.map((named, index) => compileStep(source, named, { index, schema }));
  const workflow: CompiledWorkflow = {
    slug: document.name,
    display_name: document.title ?? document.name,
    description: document.summary ?? '',
    document_version: document.version,
    required_labels: labelsOf(document.metadata.labels, compiled),
    max_retries: document.metadata.max_retries,
    task_timeout: timeout?.after ?? 0,
    schema,
    steps: compiled,
  };
  if (await isKnown(workflow)) return workflow;
  checkSchema(source, schema);
  await checkAgainstStandard(source);
  return workflow;
}

/** The author's labels, and those of what the steps need. */
function labelsOf(labels: readonly string[], steps: readonly RunStep[]): string[] {
  const needsPython = steps.some((step) => step.kind === 'script' && step.language === 'python');
  return [...new Set([...labels, ...(needsPython ? [PYTHON_LABEL] : [])])].sort();
}

/** A word that is not supported says more than the one that is missing because of it. */
function refusal(source: YamlSource, issues: readonly z.core.$ZodIssue[]): Error {
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  const path: YamlPath = (issue?.path ?? []).map((part) => (typeof part === 'number' ? part : String(part)));
  const place = path.length === 0 ? 'the file' : path.join('.');
  if (issue?.code === 'unrecognized_keys') {
    const [unknown = ''] = issue.keys;
    return source.error([...path, unknown], `"${unknown}" in ${place} is not supported`);
  }
  return source.error(path, `${place} ${decapitalised(issue?.message ?? 'is not valid')}`);
}

const decapitalised = (message: string): string =>
  message.startsWith('Invalid input: ')
    ? `is not valid: ${message.slice('Invalid input: '.length)}`
    : message;

function checkSchema(source: YamlSource, schema: ParametersSchema): void {
  try {
    new ParameterValidator(schema).check({});
  } catch (error) {
    throw source.error(['input', 'schema', 'document'], `input.schema.document: ${(error as Error).message}`);
  }
}

function compileStep(
  source: YamlSource,
  named: WorkflowDocument['do'][number],
  { index, schema }: { index: number; schema: ParametersSchema },
): RunStep {
  const [[name, step] = ['', undefined]] = Object.entries(named);
  if (step === undefined) throw source.error(['do', index], 'a step must have a name');
  const compiled = runStepOf(name, step);
  const problem = referenceProblem(valuesOf(compiled), schema);
  if (problem) throw source.error(['do', index, name, ...whereIn(step), ...problem.path], problem.reason);
  return compiled;
}

function runStepOf(name: string, step: WorkflowStep): RunStep {
  if ('call' in step) {
    const { method, ...rest } = step.with;
    return { kind: 'http', name, method: method.toUpperCase(), ...rest };
  }
  const { shell, script } = step.run;
  if (shell) return { kind: 'shell', name, ...shell };
  if (!script) throw new Error(`step ${name} passed the check, but neither shell nor script is there`);
  const { language, code, arguments: given, environment } = script;
  // JavaScript goes without saying: versions stored before there was another language say nothing.
  const isPython = language === 'python';
  return { kind: 'script', name, ...(isPython && { language }), code, arguments: given, environment };
}

/** The values of a step that may be references. */
function valuesOf(step: RunStep): object {
  if (step.kind !== 'http') return { arguments: step.arguments, environment: step.environment };
  const { endpoint, headers, query, body } = step;
  return { endpoint, headers, query, body };
}

function whereIn(step: WorkflowStep): YamlPath {
  if ('call' in step) return ['with'];
  return ['run', step.run.shell ? 'shell' : 'script'];
}
