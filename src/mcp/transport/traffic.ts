import { Injectable } from '@nestjs/common';

import { KeyVerdicts } from '../auth/key-verdicts.js';
import { type Listed, Roster } from './roster.js';

/** How long a call that was aborted may take to say so itself. */
const LAST_WORDS_MS = 250;

/** Something that is being worked on and will be answered. */
export interface OpenCall extends Listed {
  /** Tells it to stop. */
  abort(reason: string): void;
  /** Answers in its place. */
  interrupt(): void;
}

/** Something that stays open until somebody ends it. */
export interface OpenStream {
  readonly keyHash: string;
  end(): void;
}

/** What is open in this process: calls to wait for, streams to end. */
@Injectable()
export class Traffic {
  private readonly calls = new Roster<OpenCall>();
  private readonly streams = new Set<OpenStream>();
  private readonly onDrain = new Set<() => void>();
  private whenIdle: (() => void) | undefined;
  private hasEnded = false;

  constructor(verdicts: KeyVerdicts) {
    verdicts.onInvalid((keyHash) => this.endStreams((stream) => stream.keyHash === keyHash));
  }

  /** Whether new requests are turned away. */
  get isDraining(): boolean {
    return this.hasEnded;
  }

  /** Standalone streams, resumed streams and subscriptions. */
  get streamCount(): number {
    return this.streams.size;
  }

  /** Requests that are being answered. */
  get callCount(): number {
    return this.calls.size;
  }

  enter(call: OpenCall): void {
    this.calls.add(call);
  }

  leave(call: OpenCall): void {
    this.calls.delete(call);
    if (this.calls.size === 0) this.whenIdle?.();
  }

  open(stream: OpenStream): void {
    this.streams.add(stream);
  }

  closed(stream: OpenStream): void {
    this.streams.delete(stream);
  }

  /** Calls back when streams that are not listed here have to end. */
  beforeDrain(listener: () => void): void {
    this.onDrain.add(listener);
  }

  /** Turns new requests away, ends the streams, waits for the calls, and stops those that take too long. */
  async drain(graceMs: number): Promise<void> {
    this.hasEnded = true;
    for (const listener of this.onDrain) listener();
    this.endStreams(() => true);
    await this.idleWithin(graceMs);
    for (const call of this.calls) call.abort('this server is shutting down');
    await this.idleWithin(LAST_WORDS_MS);
    for (const call of this.calls) call.interrupt();
  }

  private endStreams(isMeant: (stream: OpenStream) => boolean): void {
    for (const stream of this.streams) if (isMeant(stream)) stream.end();
  }

  private async idleWithin(limitMs: number): Promise<void> {
    if (this.calls.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.whenIdle = resolve;
      timer = setTimeout(resolve, limitMs);
    });
    this.whenIdle = undefined;
    clearTimeout(timer);
  }
}
