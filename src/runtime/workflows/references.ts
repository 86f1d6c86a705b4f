import { REFERENCE } from '../../contract/index.js';
import type { ParametersSchema } from './compiled-workflow.js';

/** What is wrong with a value of a step, and where in it. */
export interface ReferenceProblem {
  readonly path: readonly (string | number)[];
  readonly reason: string;
}

/** The first text in `value` that looks like an expression but is no reference to a declared parameter. */
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

function problemOfText(text: string, schema: ParametersSchema): ReferenceProblem | undefined {
  if (!text.includes('${')) return undefined;
  const path = REFERENCE.exec(text)?.[1]?.split('.');
  if (path === undefined) {
    const reason = `"${text}" is not supported: a reference is the whole value, like \${ .name }, and nothing else`;
    return { path: [], reason };
  }
  const [name = ''] = path;
  if (isDeclared(path, schema)) return undefined;
  return { path: [], reason: `"${text}" refers to "${name}", which input.schema does not declare that way` };
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
