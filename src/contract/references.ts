/** `.name`, `.name.inner`, and names that are no identifiers in brackets: `.["guidance-scale"]`. */
const REFERENCE = /^\$\{\s*(\.(?:[A-Za-z_]\w*|\["[^"\\]+"\])(?:\.[A-Za-z_]\w*|\.?\["[^"\\]+"\])*)\s*\}$/;
const REFERENCE_PART = /\["([^"\\]+)"\]|([A-Za-z_]\w*)/g;

/**
 * The path of a value in the run's parameters, for a text that is `${ .name }` or `${ .name.inner }` as a whole. Any other
 * expression is rejected when the definition is loaded.
 */
export function referencePath(text: string): string[] | undefined {
  const path = REFERENCE.exec(text)?.[1];
  if (path === undefined) return undefined;
  return [...path.matchAll(REFERENCE_PART)].map(([, quoted, word = '']) => quoted ?? word);
}

/** The argument of a service's command that becomes its port. */
export const PORT_REFERENCE = /^\$\{\s*\.port\s*\}$/;

const EXPRESSION = /\{(\w+)\}/g;

/** The parameters in an endpoint, written as `{name}` (RFC 6570, level 1). */
export const templateNames = (endpoint: string): string[] =>
  [...endpoint.matchAll(EXPRESSION)].map(([, name = '']) => name);

/** The endpoint with each `{name}` replaced by percent-encoded text, which cannot end a segment or begin a query. */
export const expandTemplate = (endpoint: string, valueOf: (name: string) => string): string =>
  endpoint.replaceAll(EXPRESSION, (_expression, name: string) =>
    encodeURIComponent(valueOf(name).toWellFormed()).replaceAll(
      /[!'()*]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    ),
  );
