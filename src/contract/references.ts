/** `.name`, `.name.inner`, and what is no word in brackets: `.["guidance-scale"]`. */
const REFERENCE = /^\$\{\s*(\.(?:[A-Za-z_]\w*|\["[^"\\]+"\])(?:\.[A-Za-z_]\w*|\.?\["[^"\\]+"\])*)\s*\}$/;
const REFERENCE_PART = /\["([^"\\]+)"\]|([A-Za-z_]\w*)/g;

/**
 * The path of a value that is looked up in the run's parameters: the whole text is `${ .name }` or
 * `${ .name.inner }`, and nothing else. Everything else that looks like an expression is refused when the definition
 * is loaded.
 */
export function referencePath(text: string): string[] | undefined {
  const path = REFERENCE.exec(text)?.[1];
  if (path === undefined) return undefined;
  return [...path.matchAll(REFERENCE_PART)].map(([, quoted, word = '']) => quoted ?? word);
}

const EXPRESSION = /\{(\w+)\}/g;

/** The parameters that an endpoint holds as `{name}` (RFC 6570, level 1). */
export const templateNames = (endpoint: string): string[] =>
  [...endpoint.matchAll(EXPRESSION)].map(([, name = '']) => name);

/** The endpoint with a text in place of each `{name}`, percent-encoded: it ends no segment and begins no query. */
export const expandTemplate = (endpoint: string, valueOf: (name: string) => string): string =>
  endpoint.replaceAll(EXPRESSION, (_expression, name: string) =>
    encodeURIComponent(valueOf(name).toWellFormed()).replaceAll(
      /[!'()*]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    ),
  );
