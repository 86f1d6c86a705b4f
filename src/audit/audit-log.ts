import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';

import { CONFIG, type Config } from '../config/index.js';
import { counterOf, currentScope, type LogScope, PROCESS, scopeFields } from '../telemetry/index.js';
import { AuditFile } from './audit-file.js';

/** `refused`: not begun, because it may not be or cannot be done; `cancelled`: its client has given it up. */
export type AuditOutcome = 'ok' | 'refused' | 'failed' | 'cancelled';

const CLIENT_ERROR = 400;
const SERVER_ERROR = 500;

/** The outcome of a request that was answered with this status. */
export function auditOutcomeOf(status: number): AuditOutcome {
  if (status >= SERVER_ERROR) return 'failed';
  return status >= CLIENT_ERROR ? 'refused' : 'ok';
}

/** What was done or refused. The values of arguments are never in it, except for ids. */
export interface AuditEntry {
  readonly audit: 'tool_call' | 'mcp_request' | 'rest_call' | 'key_use' | 'admin_call';
  readonly outcome: AuditOutcome;
  readonly tool?: string | undefined;
  /** Method and pattern of the path. */
  readonly route?: string | undefined;
  /** Of HTTP. */
  readonly status?: number | undefined;
  /** Why it was refused or has failed, in a word or a few. */
  readonly reason?: string | undefined;
  readonly ids?: Readonly<Record<string, string | readonly string[]>> | undefined;
  readonly duration_ms?: number | undefined;
  /** The beginning of the key, of one that is not known. */
  readonly key_prefix?: string | undefined;
  /** The beginning of the hash of the key, which is the same in every call with it. */
  readonly key_hash?: string | undefined;
  /** Address of the other end of the connection: the client, or the proxy in front of this server. */
  readonly peer?: string | undefined;
}

interface Sink {
  append(line: string): void;
  end(): Promise<void>;
}

/** A line about a file that cannot be written follows after this time at the earliest. */
const QUIET_MS = 60_000;

/** Who did what, with which ids and what outcome: one JSON object per line, in a stream of its own. */
@Injectable()
export class AuditLog implements OnApplicationShutdown {
  private readonly logger = new Logger('Audit');
  private readonly lost = counterOf(PROCESS.auditLinesLost);
  private readonly sink: Sink | undefined;
  private stopListening: () => void = () => undefined;
  private warnedAt = -Infinity;
  private lostSince = 0;

  /** @throws {StartError} when the file cannot be opened. */
  constructor(@Inject(CONFIG) { audit }: Pick<Config, 'audit'>) {
    if (audit === 'stdout') this.sink = STDOUT;
    else if (audit !== 'off') this.sink = this.openFile(audit);
    // Starts at zero, so that the first loss is visible as an increase.
    this.lost.add(0);
  }

  get isOn(): boolean {
    return this.sink !== undefined;
  }

  /**
   * Adds a line; it never fails.
   *
   * @param scope of the request that it is about.
   */
  record(
    { audit, outcome, duration_ms, ...entry }: AuditEntry,
    scope: LogScope | undefined = currentScope(),
  ): void {
    if (!this.sink) return;
    const line = {
      time: new Date().toISOString(),
      audit,
      outcome,
      ...entry,
      ...(duration_ms !== undefined && { duration_ms: Math.round(duration_ms) }),
      ...scopeFields(scope),
    };
    this.sink.append(JSON.stringify(line));
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopListening();
    await this.sink?.end();
  }

  private openFile(path: string): AuditFile {
    const file = new AuditFile(path, (count, reason) => this.lose(count, reason));
    const reopen = (): void => file.reopen();
    process.on('SIGHUP', reopen);
    this.stopListening = () => process.off('SIGHUP', reopen);
    return file;
  }

  private lose(count: number, reason: string): void {
    this.lost.add(count);
    this.lostSince += count;
    if (performance.now() - this.warnedAt < QUIET_MS) return;
    this.warnedAt = performance.now();
    this.logger.error({
      message: 'the audit cannot be written; the calls themselves go on',
      lines_lost: this.lostSince,
      reason,
    });
    this.lostSince = 0;
  }
}

const STDOUT: Sink = {
  append: (line) => void process.stdout.write(`${line}\n`),
  end: () => Promise.resolve(),
};
