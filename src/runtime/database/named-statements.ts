import { createHash } from 'node:crypto';

import { LRUCache } from 'lru-cache';
import type { Client } from 'pg';

/** Each connection keeps the plans of this many statements at most. */
const NAMED_LIMIT = 200;
/** Texts that came once. */
const SEEN_KEPT = 500;
/** An insert of many rows has one text per number of rows, each too rare to be worth the memory. */
const LONGEST_TEXT = 10_000;
/** Columns that the text does not name: the server refuses the statement once the table has others. */
const UNNAMED_COLUMNS = /"\.\*|\breturning \*|\bselect \*(?! from json_)/i;

/** Names the statements that come again, so that each connection to the server has them parsed and planned once. */
export class NamedStatements {
  private readonly seen = new LRUCache<string, true>({ max: SEEN_KEPT });
  private readonly names = new Map<string, string>();

  /** Has the queries of a connection named; those without values and those with a callback stay as they are. */
  use(client: Client): void {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    client.query = ((...args: unknown[]) => {
      const [text, values] = args;
      const isPlain = typeof text === 'string' && Array.isArray(values) && args.length === 2;
      const name = isPlain && values.length > 0 ? this.nameOf(text) : undefined;
      return name === undefined ? query(...args) : query({ name, text, values: values as unknown[] });
    }) as typeof client.query;
  }

  /** `undefined` for a statement that is not worth a name, or comes for the first time. */
  private nameOf(text: string): string | undefined {
    const known = this.names.get(text);
    if (known !== undefined) return known;
    if (text.length > LONGEST_TEXT || this.names.size >= NAMED_LIMIT) return undefined;
    if (!this.seen.has(text)) {
      this.seen.set(text, true);
      return undefined;
    }
    if (UNNAMED_COLUMNS.test(text)) return undefined;
    // By its text, since connections of a pooler may be those of other nodes.
    const name = `cyberun_${createHash('sha256').update(text).digest('base64url').slice(0, 22)}`;
    this.names.set(text, name);
    return name;
  }
}
