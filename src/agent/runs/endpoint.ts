import { expandTemplate, referencePath } from '../../contract/index.js';
import { asText, resolve } from './references.js';
import { RunFailure } from './run-failure.js';

const DOTS_ALONE = /\/\.{1,2}(?=[/?#]|$)/;

/**
 * The address a `call: http` step asks: a reference gives all of it; in a text of the author, `{name}` gives one part.
 *
 * @throws {RunFailure} when a part is missing, or would lead to another path than the author wrote.
 */
export function endpointOf(
  { name: step, endpoint }: { readonly name: string; readonly endpoint: string },
  parameters: Readonly<Record<string, unknown>>,
): string {
  if (referencePath(endpoint)) return asText(resolve(endpoint, parameters));
  const address = expandTemplate(endpoint, (name) => {
    const value = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      return String(value);
    const state =
      value === undefined || value === null ? 'was not given' : 'is no text, number or truth value';
    throw new RunFailure(`The endpoint of step ${step} needs the parameter "${name}", which ${state}.`);
  });
  if (address !== endpoint && DOTS_ALONE.test(address))
    throw new RunFailure(
      `A parameter in the endpoint of step ${step} is "." or "..", which leads to another path.`,
    );
  return address;
}
