import { Inject, Injectable } from '@nestjs/common';
import type { RequestId } from '@modelcontextprotocol/server';

import { CONFIG, type Config } from '../../config/index.js';
import { KeyVerdicts } from '../auth/index.js';
import type { Refusal } from '../protocol/index.js';
import { Crowd } from './crowd.js';
import { type Listed, Roster } from './roster.js';

/** How long a call that was aborted may take to say so itself. */
const LAST_WORDS_MS = 250;

/** Something that is being worked on and will be answered. */
export interface OpenCall extends Listed {
  readonly keyHash: string;
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
  private readonly crowd: Crowd;
  private readonly onDrain = new Set<() => void>();
  private whenIdle: (() => void) | undefined;
  private hasEnded = false;

  constructor(verdicts: KeyVerdicts, @Inject(CONFIG) { limits }: Config) {
    this.crowd = new Crowd(limits);
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

  /** Why so many more requests of a key, or streams it listens to, would be too much; `id` is the request's. */
  refusalOf(keyHash: string, id: RequestId | null, more = 1): Refusal | undefined {
    return this.crowd.refusalOf(keyHash, id, more);
  }

  /** @throws {Refusal} 429 or 503 when one more would be too much. */
  requireRoom(keyHash: string, id: RequestId | null): void {
    const refusal = this.refusalOf(keyHash, id);
    if (refusal) throw refusal;
  }

  enter(call: OpenCall): void {
    this.calls.add(call);
    this.crowd.join(call.keyHash);
  }

  /** May be said twice. */
  leave(call: OpenCall): void {
    if (this.calls.delete(call)) this.crowd.part(call.keyHash);
    if (this.calls.size === 0) this.whenIdle?.();
  }

  open(stream: OpenStream): void {
    this.streams.add(stream);
    this.crowd.join(stream.keyHash);
  }

  closed(stream: OpenStream): void {
    if (this.streams.delete(stream)) this.crowd.part(stream.keyHash);
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
