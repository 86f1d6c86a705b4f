import type { Readable } from 'node:stream';

export interface ExecutionEnd {
  /** `undefined` when a signal ended it, or it did not start. */
  readonly exitCode: number | undefined;
  /** Without an exit code the signal, or why it did not start; with one, what the exit code alone does not tell. */
  readonly reason: string | undefined;
}

/** A started program with everything that it starts: the unit that an executor starts and ends. */
export interface Execution {
  /** Standard output, then standard error; one stream is both. */
  readonly streams: readonly Readable[];
  /** Lines of progress that come beside them. */
  readonly progress?: Readable;
  /** Resolves when the program ends; what it started may go on until {@link end}. */
  readonly exited: Promise<ExecutionEnd>;
  /** Ends all of it, first gently; resolves when nothing is left and the streams have ended. */
  end(): Promise<void>;
}
