import type { PGlite } from '@electric-sql/pglite';
import type { CompiledQuery, QueryResult } from 'kysely';
import { LRUCache } from 'lru-cache';

/** The server keeps the parsed form of each. */
const STATEMENTS_KEPT = 500;
/** An insert of many rows has one text per number of rows, each too rare to be worth the memory. */
const LONGEST_TEXT = 10_000;
/** Prepared statements may return other columns after it. */
const CHANGES_TABLES = /^\s*(?:alter|create|drop)\b/i;

type PGliteModule = typeof import('@electric-sql/pglite');
type Messages = Awaited<ReturnType<PGlite['execProtocol']>>['messages'];

interface Column {
  readonly name: string;
  readonly dataTypeID: number;
}

interface Statement {
  readonly name: string;
  readonly parameterTypes: readonly number[];
  readonly columns: readonly Column[];
}

/**
 * Runs a query of PGlite as a prepared statement, with all its messages in one call. `PGlite.query` parses it every
 * time and makes six calls into WebAssembly, which takes about four times as long.
 */
export class PreparedStatements {
  private readonly seen = new LRUCache<string, true>({ max: STATEMENTS_KEPT });
  private readonly statements = new LRUCache<string, Statement>({
    max: STATEMENTS_KEPT,
    dispose: ({ name }) => this.dropped.push(name),
  });
  /** To be closed with the next query. */
  private readonly dropped: string[] = [];
  private count = 0;

  constructor(
    private readonly pglite: PGlite,
    private readonly module: Pick<PGliteModule, 'protocol' | 'types'>,
  ) {}

  /** Whether a query should run here: one that comes a second time, since preparing it takes a call, too. */
  takes(text: string): boolean {
    if (CHANGES_TABLES.test(text)) this.statements.clear();
    if (text.length > LONGEST_TEXT) return false;
    if (this.statements.has(text) || this.seen.has(text)) return true;
    this.seen.set(text, true);
    return false;
  }

  /** To be called inside `pglite.runExclusive`, in a transaction or while there is none. */
  async execute<Row>({ sql: text, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const statement = this.statements.get(text) ?? (await this.prepare(text));
    const { serialize } = this.module.protocol;
    const messages = await this.call([
      ...this.dropped.splice(0).map((name) => serialize.close({ type: 'S', name })),
      serialize.bind({ statement: statement.name, values: this.serialized(statement, parameters) }),
      serialize.execute({}),
      serialize.sync(),
    ]);
    return this.resultOf(statement, messages);
  }

  private async prepare(text: string): Promise<Statement> {
    const { serialize } = this.module.protocol;
    const name = `s${++this.count}`;
    const messages = await this.call([
      serialize.parse({ name, text }),
      serialize.describe({ type: 'S', name }),
      serialize.sync(),
    ]);
    let parameterTypes: readonly number[] = [];
    let columns: readonly Column[] = [];
    for (const message of messages) {
      if ('dataTypeIDs' in message) parameterTypes = message.dataTypeIDs as number[];
      if (message.name === 'rowDescription' && 'fields' in message) columns = message.fields as Column[];
    }
    const statement = { name, parameterTypes, columns };
    this.statements.set(text, statement);
    return statement;
  }

  private async call(parts: readonly Uint8Array[]): Promise<Messages> {
    return (await this.pglite.execProtocol(Buffer.concat(parts), { syncToFs: false })).messages;
  }

  private serialized({ parameterTypes }: Statement, parameters: readonly unknown[]): (string | null)[] {
    return parameters.map((value, index) => {
      if (value === null || value === undefined) return null;
      const serializer = this.pglite.serializers[parameterTypes[index] ?? 0];
      return serializer ? serializer(value) : (value as number | string).toString();
    });
  }

  private resultOf<Row>({ columns }: Statement, messages: Messages): QueryResult<Row> {
    const { parseType } = this.module.types;
    const rows: Row[] = [];
    let numAffectedRows: bigint | undefined;
    for (const message of messages) {
      if (message.name === 'dataRow' && 'fields' in message) {
        const fields = message.fields as (string | null)[];
        const row: Record<string, unknown> = {};
        for (const [index, { name, dataTypeID }] of columns.entries())
          row[name] = parseType(fields[index] ?? null, dataTypeID, this.pglite.parsers);
        rows.push(row as Row);
      }
      if (message.name === 'commandComplete' && 'text' in message)
        numAffectedRows = affectedRows(String(message.text));
    }
    return { rows, ...(numAffectedRows !== undefined && { numAffectedRows }) };
  }
}

/** Of a tag such as `INSERT 0 1`. */
function affectedRows(tag: string): bigint {
  const [command = '', ...figures] = tag.split(' ');
  const isChange = ['INSERT', 'UPDATE', 'DELETE', 'MERGE'].includes(command);
  return isChange ? BigInt(figures.at(-1) ?? 0) : 0n;
}
