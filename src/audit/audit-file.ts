import { closeSync, openSync, write } from 'node:fs';
import { promisify } from 'node:util';

import { errorText, StartError } from '../config/index.js';

const writeSome = promisify(write);

/** Only the user of the server may read it: it says who does what. */
const MODE = 0o600;
/** Bytes that may wait for the disk; lines beyond it are lost, so that a disk that hangs does not take the memory. */
const MOST_WAITING = 16 * 1024 * 1024;

/** Receives the number of lines that could not be written, and why. */
type OnLost = (count: number, reason: string) => void;

/** A file to which lines are appended, in their order. A write that fails loses its lines and nothing else. */
export class AuditFile {
  private descriptor: number;
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  private writing: Promise<void> | undefined;
  private isToReopen = false;
  /** The last line in the file is not whole. */
  private isTorn = false;

  /** @throws {StartError} when it cannot be opened. */
  constructor(
    private readonly path: string,
    private readonly onLost: OnLost,
  ) {
    try {
      this.descriptor = this.open();
    } catch (error) {
      throw new StartError(
        `The file of CYBERUN_AUDIT_LOG cannot be written: ${errorText(error)}. Create its folder, or name another file.`,
        { cause: error },
      );
    }
  }

  append(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    if (this.waitingBytes + bytes.length > MOST_WAITING) {
      this.onLost(1, 'too many lines wait for the disk');
      return;
    }
    this.waiting.push(bytes);
    this.waitingBytes += bytes.length;
    this.begin();
  }

  /** Goes on in a new file of the same name, after the present one was renamed. */
  reopen(): void {
    this.isToReopen = true;
    this.begin();
  }

  /** Resolves when all lines are written; nothing may be appended after that. */
  async end(): Promise<void> {
    while (this.writing) await this.writing;
    closeSync(this.descriptor);
  }

  private open(): number {
    return openSync(this.path, 'a', MODE);
  }

  private begin(): void {
    this.writing ??= this.writeAll().finally(() => {
      this.writing = undefined;
      // Appended since the last look.
      if (this.waiting.length > 0 || this.isToReopen) this.begin();
    });
  }

  private async writeAll(): Promise<void> {
    while (this.isToReopen || this.waiting.length > 0) {
      if (this.isToReopen) this.exchange();
      const lines = this.waiting;
      this.waiting = [];
      this.waitingBytes = 0;
      if (lines.length > 0) await this.writeLines(lines);
    }
  }

  /** The present file stays in use when the new one cannot be opened. */
  private exchange(): void {
    this.isToReopen = false;
    try {
      const descriptor = this.open();
      closeSync(this.descriptor);
      this.descriptor = descriptor;
      this.isTorn = false;
    } catch (error) {
      this.onLost(0, `the new file cannot be opened: ${errorText(error)}`);
    }
  }

  private async writeLines(lines: readonly Buffer[]): Promise<void> {
    const bytes = Buffer.concat(this.isTorn ? [Buffer.from('\n'), ...lines] : lines);
    let at = 0;
    try {
      while (at < bytes.length) at += (await writeSome(this.descriptor, bytes, at)).bytesWritten;
      this.isTorn = false;
    } catch (error) {
      const written = bytes.subarray(0, at);
      // One more or less than that is lost where the file was torn before.
      const whole = written.reduce((count, byte) => count + (byte === 0x0a ? 1 : 0), 0);
      this.isTorn = at > 0 ? written.at(-1) !== 0x0a : this.isTorn;
      this.onLost(Math.max(0, lines.length - whole), errorText(error));
    }
  }
}
