import type { RequestId } from '@modelcontextprotocol/server';
import { Inject, Injectable } from '@nestjs/common';

import { CONFIG, type Config, type Limits } from '../../config/index.js';
import { counterOf, ENDPOINT } from '../../telemetry/index.js';
import { KeyValidator } from '../auth/index.js';
import { CODE, JsonRpcHttpError, LIMIT_NAMES, type LimitName } from '../protocol/index.js';

const NOWHERE = -1;

/** An entry of an {@link IndexedSet}, which alone sets the index. */
export interface Indexed {
  index?: number;
}

/**
 * A set for entries that are added and removed by the thousand. In a `Set` of V8, each rehash leaves a table behind
 * that keeps the next one alive until a full collection, and with it every request that was ever in it.
 */
export class IndexedSet<Entry extends Indexed> {
  private readonly entries: Entry[] = [];

  get size(): number {
    return this.entries.length;
  }

  add(entry: Entry): void {
    entry.index = this.entries.length;
    this.entries.push(entry);
  }

  /** The last entry moves to the index of the deleted one. Returns whether it was there. */
  delete(entry: Entry): boolean {
    const { index = NOWHERE } = entry;
    if (this.entries[index] !== entry) return false;
    entry.index = NOWHERE;
    const last = this.entries.pop();
    if (last !== undefined && last !== entry) {
      last.index = index;
      this.entries[index] = last;
    }
    return true;
  }

  /** A snapshot, so entries may be deleted meanwhile. */
  [Symbol.iterator](): IterableIterator<Entry> {
    return [...this.entries].values();
  }
}

/** Counts requests that are refused, and those over a limit. */
@Injectable()
export class LimitCounter {
  private readonly counter = counterOf(ENDPOINT.boundsExceeded);
  private readonly refusals = counterOf(ENDPOINT.requestsRefused);

  constructor() {
    // Starts at zero, so that the first count is visible as an increase.
    for (const limit of LIMIT_NAMES) this.counter.add(0, { bound: limit });
  }

  count(limit: LimitName): void {
    this.counter.add(1, { bound: limit });
  }

  /** Counts an answer in place of the one that was asked for. */
  refused({ status, limit }: JsonRpcHttpError): void {
    this.refusals.add(1, { 'http.response.status_code': status });
    if (limit) this.count(limit);
  }
}

/** Of setTimeout; a stream that is ended early is opened again. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** Time an aborted call has to send its own response. */
const ABORT_GRACE_MS = 250;

/** A request in progress that will be answered. */
export interface OpenCall extends Indexed {
  readonly keyHash: string;
  /** Asks it to stop. */
  abort(reason: string): void;
  /** Answers in its place. */
  interrupt(): void;
}

/** A stream that stays open until client or server ends it. */
export interface OpenStream {
  readonly keyHash: string;
  end(): void;
}

/** Open requests of this process: calls, which drain waits for, and streams, which it ends. */
@Injectable()
export class InFlightRequests {
  private readonly calls = new IndexedSet<OpenCall>();
  private readonly streams = new Set<OpenStream>();
  /** For streams of access tokens. */
  private readonly expiries = new Map<OpenStream, NodeJS.Timeout>();
  /** Calls and streams by key, and in total. */
  private readonly counts = new Map<string, number>();
  private count = 0;
  private readonly limits: Pick<Limits, 'requests' | 'requestsPerKey'>;
  private readonly onDrain = new Set<() => void>();
  private whenIdle: (() => void) | undefined;
  private hasEnded = false;

  constructor(validator: KeyValidator, @Inject(CONFIG) { limits }: Config) {
    this.limits = limits;
    validator.onInvalid((hashes) => this.endStreams(({ keyHash }) => hashes.has(keyHash)));
  }

  /** Whether new requests are rejected. */
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

  /** The error if this many more requests or streams of a key exceed a limit; `id` is the request's. */
  limitError(keyHash: string, id: RequestId | null, more = 1): JsonRpcHttpError | undefined {
    const { requests, requestsPerKey } = this.limits;
    if (this.countOf(keyHash) + more > requestsPerKey) return tooManyOfKey(requestsPerKey, id);
    return this.count + more > requests ? tooMany(id) : undefined;
  }

  /** @throws {JsonRpcHttpError} 429 or 503 when one more exceeds a limit. */
  requireCapacity(keyHash: string, id: RequestId | null): void {
    const error = this.limitError(keyHash, id);
    if (error) throw error;
  }

  enter(call: OpenCall): void {
    this.calls.add(call);
    this.add(call.keyHash, 1);
  }

  /** May be called twice. */
  leave(call: OpenCall): void {
    if (this.calls.delete(call)) this.add(call.keyHash, -1);
    if (this.calls.size === 0) this.whenIdle?.();
  }

  /** @param expiresAt when the token of its request expires, in seconds: the client opens it again with a newer one. */
  open(stream: OpenStream, expiresAt?: number): void {
    this.streams.add(stream);
    this.add(stream.keyHash, 1);
    if (expiresAt === undefined) return;
    const left = Math.min(expiresAt * 1000 - Date.now(), LONGEST_TIMER_MS);
    this.expiries.set(stream, setTimeout(() => stream.end(), left).unref());
  }

  closed(stream: OpenStream): void {
    clearTimeout(this.expiries.get(stream));
    this.expiries.delete(stream);
    if (this.streams.delete(stream)) this.add(stream.keyHash, -1);
  }

  /** Calls back when streams that are not tracked here must end. */
  beforeDrain(listener: () => void): void {
    this.onDrain.add(listener);
  }

  /** Rejects new requests, ends the streams, waits for the calls, and aborts those that take too long. */
  async drain(graceMs: number): Promise<void> {
    this.hasEnded = true;
    for (const listener of this.onDrain) listener();
    this.endStreams(() => true);
    await this.idleWithin(graceMs);
    for (const call of this.calls) call.abort('this server is shutting down');
    await this.idleWithin(ABORT_GRACE_MS);
    for (const call of this.calls) call.interrupt();
  }

  private add(keyHash: string, change: 1 | -1): void {
    this.count += change;
    const count = this.countOf(keyHash) + change;
    if (count > 0) this.counts.set(keyHash, count);
    else this.counts.delete(keyHash);
  }

  private countOf(keyHash: string): number {
    return this.counts.get(keyHash) ?? 0;
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

const SOON = { 'Retry-After': '1' };

const tooManyOfKey = (most: number, id: RequestId | null): JsonRpcHttpError =>
  new JsonRpcHttpError(
    429,
    CODE.serverError,
    `Too Many Requests: This key has ${most} requests and streams open here. Wait until some have ended, or end them.`,
    { id, headers: SOON, limit: 'requests_per_key' },
  );

const tooMany = (id: RequestId | null): JsonRpcHttpError =>
  new JsonRpcHttpError(
    503,
    CODE.serverError,
    'Service Unavailable: Too many requests are in progress. Try again in a moment.',
    { id, headers: SOON, limit: 'requests' },
  );
