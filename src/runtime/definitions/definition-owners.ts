/** A definition, and the file it is from. */
export interface Owned<T> {
  readonly file: string;
  readonly definition: T;
}

/** Two files say they define the same slug. */
export interface Dispute {
  readonly file: string;
  readonly owner: string;
  readonly slug: string;
}

/** Whose a slug is when several files define it: of the one that was there first, whatever the files are called. */
export class DefinitionOwners<T extends { readonly slug: string }> {
  private owners: ReadonlyMap<string, string> = new Map();
  /** Definitions a dispute was told of. */
  private told: ReadonlySet<T> = new Set();

  constructor(private readonly disputed: (dispute: Dispute) => void) {}

  /** Takes over who owned what in an earlier life of the process: file by slug. */
  remember(owners: ReadonlyMap<string, string>): void {
    this.owners = owners;
  }

  /** The definitions that count, by slug. A dispute is told once for each text of the file that loses it. */
  settle(definitions: ReadonlyMap<string, T>, broken: ReadonlySet<string>): Map<string, Owned<T>> {
    const settled = new Map<string, Owned<T>>();
    const told = new Set<T>();
    for (const [file, definition] of definitions) {
      const { slug } = definition;
      const owner = settled.get(slug)?.file ?? this.earlierOwner(slug, definitions, broken) ?? file;
      if (owner === file) settled.set(slug, { file, definition });
      else {
        told.add(definition);
        if (!this.told.has(definition)) this.disputed({ file, owner, slug });
      }
    }
    this.told = told;
    // Settled or not, what a broken file defined is still its own.
    const kept = [...this.owners].filter(([, file]) => broken.has(file));
    this.owners = new Map([...kept, ...[...settled].map(([slug, { file }]) => [slug, file] as const)]);
    return settled;
  }

  /** Who had a slug before and has not given it up; a file that is broken just now has not. */
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
