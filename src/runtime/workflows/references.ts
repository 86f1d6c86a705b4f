import { type RunStep, referencePath, templateNames } from '../../contract/index.js';
import type { ParameterSchema, ParametersSchema } from './compiled-workflow.js';

/** A problem in a value of a step, and its path. */
export interface ReferenceProblem {
  readonly path: readonly (string | number)[];
  readonly reason: string;
}

/** `${ .guidance-scale }`, which jq parses as a subtraction. */
const HYPHENATED = /^\$\{\s*\.([\w-]+(?:\.[\w-]+)*)\s*\}$/;
const IN_BRACES = /\{[^{}]*\}?|\}/g;
const SIMPLE = /^\{\w+\}$/;

/** The values of a step that may contain references. */
export function referencesOf(step: RunStep): object {
  if (step.kind !== 'http') return { arguments: step.arguments, environment: step.environment };
  const { endpoint, headers, query, body } = step;
  return { endpoint, headers, query, body };
}

/** The schema of a workflow without `input.schema`: every parameter that its steps reference is required. */
export function namedParameters(steps: readonly RunStep[]): ParametersSchema {
  const properties = new Map<string, ParameterSchema>();
  for (const step of steps) {
    const endpoint = step.kind === 'http' ? step.endpoint : '';
    for (const text of textsIn(referencesOf(step))) {
      const [name] = referencePath(text) ?? [];
      if (name !== undefined && !properties.has(name)) properties.set(name, {});
    }
    for (const name of referencePath(endpoint) ? [] : templateNames(endpoint))
      properties.set(name, { type: ['string', 'number', 'boolean'] });
  }
  const required = [...properties.keys()];
  return {
    type: 'object',
    properties: Object.fromEntries(properties),
    ...(required.length > 0 && { required }),
  };
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

/** The first string that looks like an expression but is not a reference to a declared parameter. */
export function referenceProblem(value: unknown, schema: ParametersSchema): ReferenceProblem | undefined {
  if (typeof value === 'string') return problemOfText(value, schema);
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const problem = referenceProblem(inner, schema);
    if (problem) {
      return { ...problem, path: [Array.isArray(value) ? Number(key) : key, ...problem.path] };
    }
  }
  return undefined;
}

/** The first problem in the `{name}` parts of an endpoint. */
export function templateProblem(endpoint: string, schema: ParametersSchema): ReferenceProblem | undefined {
  if (endpoint.includes('${')) return undefined;
  for (const [part] of endpoint.matchAll(IN_BRACES)) {
    if (!SIMPLE.test(part)) {
      const reason = `"${part}" is not supported in an endpoint: only {name} is, with the name of a parameter in letters, digits and "_"; give what follows "?" in query, and write other braces as %7B and %7D`;
      return { path: ['endpoint'], reason };
    }
    if (!isDeclared([part.slice(1, -1)], schema))
      return { path: ['endpoint'], reason: `"${part}" names no parameter of input.schema` };
  }
  return undefined;
}

function problemOfText(text: string, schema: ParametersSchema): ReferenceProblem | undefined {
  if (!text.includes('${')) return undefined;
  const path = referencePath(text);
  if (path === undefined) return { path: [], reason: `"${text}" is not supported: ${adviceOn(text)}` };
  const [name = ''] = path;
  if (isDeclared(path, schema)) return undefined;
  return { path: [], reason: `"${text}" refers to "${name}", which input.schema does not declare that way` };
}

function adviceOn(text: string): string {
  const path = HYPHENATED.exec(text)?.[1]?.split('.');
  if (path === undefined) return 'a reference is the whole value, like ${ .name }, and nothing else';
  const parts = path.map((name) => (/^[A-Za-z_]\w*$/.test(name) ? `.${name}` : `["${name}"]`)).join('');
  return `write \${ ${parts.startsWith('[') ? '.' : ''}${parts} }, since jq subtracts at a hyphen`;
}

function isDeclared(path: readonly string[], schema: ParametersSchema): boolean {
  let properties = schema.properties;
  for (const [depth, name] of path.entries()) {
    const property = properties && Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (!property) return depth > 0 && properties === undefined;
    properties = property.properties;
  }
  return true;
}
