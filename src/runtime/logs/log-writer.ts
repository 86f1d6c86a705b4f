import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';

import type { LogChunk } from '../../contract/index.js';
import { outsideScope } from '../../telemetry/index.js';
import { Database, DatabaseUnavailable, logFailure, type Db, whenReachable } from '../database/index.js';
import { LogLimits } from './log-limits.js';
import { insertChunks, type KeptLog, type LoggedRun, type LogRows, rowsOf } from './log-rows.js';

/** How long chunks of all runs are collected before they are written together. */
const COLLECT_MS = 100;
/** Above this a run waits before it sends more, and all runs together. */
const RUN_CHARACTERS = 256 * 1024;
const ALL_CHARACTERS = 32 * 1024 * 1024;
/** What one statement writes. */
const BATCH_CHARACTERS = 2 * 1024 * 1024;
/** The names of more tasks do not fit into a notification. */
const BATCH_RUNS = 200;

/** What waits of the log of a run. */
interface WaitingLog {
  readonly run: LoggedRun;
  readonly chunks: LogChunk[];
  size: number;
  /** Called with the last line that is stored. */
  readonly stored: (line: number) => void;
  readonly done: PromiseWithResolvers<void>;
}

/** The end of the log of a run, to be written in the transaction that ends the run. */
interface LogEnd {
  readonly isEmpty: boolean;
  save(db: Db): Promise<void>;
  /** To be called after the transaction. */
  saved(): void;
}

/** Writes the logs of the runs of this node: those of all runs together, several times a second. */
@Injectable()
export class LogWriter implements BeforeApplicationShutdown {
  private readonly logger = new Logger('Logs');
  private readonly closing = new AbortController();
  private readonly waiting = new Map<string, WaitingLog>();
  /** The runs whose logs are being written. */
  private written: ReadonlySet<string> = new Set();
  /** Characters that wait. */
  private size = 0;
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly limits: LogLimits,
  ) {}

  /** Writes what waits; what cannot be written is kept by the agents. */
  async beforeApplicationShutdown(): Promise<void> {
    this.closing.abort();
    clearTimeout(this.timer);
    await this.writing;
    while (this.waiting.size > 0) await this.writeBatch();
  }

  /**
   * Takes chunks of a run. Resolves when there is room for more.
   *
   * @param stored called with the last line of what is stored.
   */
  accept(run: LoggedRun, chunks: readonly LogChunk[], stored: (line: number) => void): Promise<void> {
    const key = keyOf(run);
    const log = this.waiting.get(key) ?? {
      run,
      chunks: [],
      size: 0,
      stored,
      done: Promise.withResolvers<void>(),
    };
    this.waiting.set(key, log);
    const size = chunks.reduce((sum, { text }) => sum + text.length, 0);
    log.chunks.push(...chunks);
    log.size += size;
    this.size += size;
    if (log.size < RUN_CHARACTERS && this.size < ALL_CHARACTERS) {
      this.timer ??= setTimeout(() => this.write(), COLLECT_MS);
      return Promise.resolve();
    }
    this.write();
    return log.done.promise;
  }

  /** The end of the log of a run, of which everything before is written. */
  async take(run: LoggedRun): Promise<LogEnd> {
    const log = this.waiting.get(keyOf(run));
    if (log) this.remove(log);
    if (this.written.has(keyOf(run))) await this.writing;
    if (!log) return NOTHING;
    log.done.resolve();
    const rows = rowsOf(run, log.chunks);
    let kept: readonly KeptLog[] = [];
    return {
      isEmpty: false,
      save: async (db) => {
        kept = await insertChunks(db, rows);
      },
      saved: () => this.limits.check(kept, bytesOf(rows)),
    };
  }

  private remove(log: WaitingLog): void {
    this.waiting.delete(keyOf(log.run));
    this.size -= log.size;
  }

  private write(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.closing.signal.aborted) return;
    // It is for many runs, whichever of them it is that has filled it.
    this.writing ??= outsideScope(() => this.writeBatch()).finally(() => {
      this.writing = undefined;
      if (this.isFull()) this.write();
      else if (this.waiting.size > 0) this.timer ??= setTimeout(() => this.write(), COLLECT_MS);
    });
  }

  private isFull(): boolean {
    return (
      this.size >= ALL_CHARACTERS || [...this.waiting.values()].some(({ size }) => size >= RUN_CHARACTERS)
    );
  }

  private async writeBatch(): Promise<void> {
    const logs = this.nextBatch();
    this.written = new Set(logs.map(({ run }) => keyOf(run)));
    const rows = logs.flatMap(({ run, chunks }) => rowsOf(run, chunks));
    let isStored = true;
    try {
      const kept = await whenReachable(() => insertChunks(this.database.db, rows), this.closing.signal);
      this.limits.check(kept, bytesOf(rows));
    } catch (error) {
      // What the database refuses it would refuse again.
      isStored = !(error instanceof DatabaseUnavailable);
      logFailure(this.logger, `the logs of ${logs.length} runs were not written`, error);
    }
    this.written = new Set();
    for (const { chunks, stored, done } of logs) {
      const last = chunks.at(-1);
      if (isStored && last) stored(last.line + last.text.split('\n').length - 1);
      done.resolve();
    }
  }

  private nextBatch(): WaitingLog[] {
    const logs: WaitingLog[] = [];
    let size = 0;
    for (const log of this.waiting.values()) {
      if (logs.length === BATCH_RUNS || size > BATCH_CHARACTERS) break;
      logs.push(log);
      size += log.size;
      this.remove(log);
    }
    return logs;
  }
}

const NOTHING: LogEnd = { isEmpty: true, save: () => Promise.resolve(), saved: () => undefined };

const keyOf = ({ taskId, attempt }: LoggedRun): string => `${taskId}/${attempt}`;

/** Bytes by team. */
function bytesOf(rows: LogRows): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const { team_id, bytes } of rows) sums.set(team_id, (sums.get(team_id) ?? 0) + bytes);
  return sums;
}
