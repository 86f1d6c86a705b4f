/** A definition and its file. */
export interface OwnedDefinition<T> {
  readonly file: string;
  readonly definition: T;
}

interface SlugConflict {
  readonly file: string;
  readonly owner: string;
  readonly slug: string;
}

/** Decides which file defines a slug when several do: the one that had it first. */
export class SlugOwners<T extends { readonly slug: string }> {
  private owners: ReadonlyMap<string, string> = new Map();
  /** Definitions whose conflict was reported. */
  private reported: ReadonlySet<T> = new Set();

  constructor(private readonly conflict: (conflict: SlugConflict) => void) {}

  /** Restores the owners of the previous run of the server: file by slug. */
  remember(owners: ReadonlyMap<string, string>): void {
    this.owners = owners;
  }

  /** The definitions in use, by slug. A conflict is reported once for each version of the losing file. */
  settle(definitions: ReadonlyMap<string, T>, broken: ReadonlySet<string>): Map<string, OwnedDefinition<T>> {
    const settled = new Map<string, OwnedDefinition<T>>();
    const reported = new Set<T>();
    for (const [file, definition] of definitions) {
      const { slug } = definition;
      const owner = settled.get(slug)?.file ?? this.earlierOwner(slug, definitions, broken) ?? file;
      if (owner === file) settled.set(slug, { file, definition });
      else {
        reported.add(definition);
        if (!this.reported.has(definition)) this.conflict({ file, owner, slug });
      }
    }
    this.reported = reported;
    // An invalid file keeps the slugs that it defined.
    const kept = [...this.owners].filter(([, file]) => broken.has(file));
    this.owners = new Map([...kept, ...[...settled].map(([slug, { file }]) => [slug, file] as const)]);
    return settled;
  }

  /** The file that had a slug before and still defines it, or is invalid at the moment. */
  private earlierOwner(
    slug: string,
    definitions: ReadonlyMap<string, T>,
    broken: ReadonlySet<string>,
  ): string | undefined {
    const owner = this.owners.get(slug);
    if (owner === undefined) return undefined;
    return broken.has(owner) || definitions.get(owner)?.slug === slug ? owner : undefined;
  }
}

type Settled<T> = ReadonlyMap<string, OwnedDefinition<T>>;

/** What has changed for the author of the files, one sentence each. */
export function definitionChanges<T>(kind: string, before: Settled<T>, now: Settled<T>): string[] {
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

/** Summary at start, in one sentence. */
export function definitionSummary(kind: string, folder: string, slugs: readonly string[]): string {
  const names = slugs.length === 0 ? '' : `: ${slugs.join(', ')}`;
  return `${slugs.length} ${kind}${slugs.length === 1 ? '' : 's'} defined in ${folder}${names}`;
}

function stateOf<T>(definition: T, earlier: T | undefined): string {
  if (earlier === undefined) return 'new';
  return JSON.stringify(definition) === JSON.stringify(earlier) ? 'as it was' : 'changed';
}
