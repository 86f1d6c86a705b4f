import type { Owned } from './definition-owners.js';

type Settled<T> = ReadonlyMap<string, Owned<T>>;

/** What an author who has just saved or removed a file wants to know, one sentence each. */
export function definitionNews<T>(kind: string, before: Settled<T>, now: Settled<T>): string[] {
  const taken = [...now].flatMap(([slug, { file, definition }]) => {
    const earlier = before.get(slug);
    if (earlier?.definition === definition && earlier.file === file) return [];
    return [`${file}: ${kind} "${slug}" is ${stateOf(definition, earlier?.definition)}`];
  });
  const gone = [...before]
    .filter(([slug]) => !now.has(slug))
    .map(([slug, { file }]) => `${file}: ${kind} "${slug}" is no longer defined`);
  return [...taken, ...gone];
}

/** What there is at start, in one sentence. */
export function definitionCensus(kind: string, folder: string, slugs: readonly string[]): string {
  const names = slugs.length === 0 ? '' : `: ${slugs.join(', ')}`;
  return `${slugs.length} ${kind}${slugs.length === 1 ? '' : 's'} defined in ${folder}${names}`;
}

function stateOf<T>(definition: T, earlier: T | undefined): string {
  if (earlier === undefined) return 'new';
  return JSON.stringify(definition) === JSON.stringify(earlier) ? 'as it was' : 'changed';
}
