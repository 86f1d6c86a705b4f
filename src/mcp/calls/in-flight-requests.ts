import type { RequestId } from '@modelcontextprotocol/server';
import { Inject, Injectable } from '@nestjs/common';

import { CONFIG, type Config, type Limits } from '../../config/index.js';
import { KeyValidator } from '../auth/index.js';
import { CODE, JsonRpcHttpError } from '../protocol/index.js';
import { LimitCounter } from './limit-counter.js';

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

/** Of setTimeout; a stream that is ended early is opened again. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** Time an aborted call has to send its own response. */
const ABORT_GRACE_MS = 250;

/** A request in progress that will be answered. */
export interface OpenCall extends Indexed {
  /** The key or the user that it counts for. */
  readonly owner: string;
  /** Its answer was a stream from the start, and it is counted as one. */
  isStream?: boolean;
  /** Asks it to stop. */
  abort(reason: string): void;
  /** Answers in its place. */
  interrupt(): void;
}

/** A stream that stays open until client or server ends it. */
export interface OpenStream {
  /** As of a call; it ends with the key. */
  readonly owner: string;
  end(): void;
}

/** How many requests and streams a key has open. */
interface KeyUse {
  calls: number;
  streams: number;
}

type UseKind = keyof KeyUse;

/** What each key may have open, and all keys together. */
interface Quotas extends Pick<Limits, 'requests' | 'requestsPerKey'> {
  readonly calls: number;
  readonly streams: number;
}

/** Open requests of this process: calls, which drain waits for, and streams, which it ends. */
@Injectable()
export class InFlightRequests {
  private readonly calls = new IndexedSet<OpenCall>();
  private readonly streams = new Set<OpenStream>();
  /** For streams of access tokens. */
  private readonly expiries = new Map<OpenStream, NodeJS.Timeout>();
  /** Calls and streams by key, and in total. */
  private readonly uses = new Map<string, KeyUse>();
  private count = 0;
  private readonly quotas: Quotas;
  private readonly onDrain = new Set<() => void>();
  private whenIdle: (() => void) | undefined;
  private hasEnded = false;

  constructor(
    validator: KeyValidator,
    private readonly limitCounter: LimitCounter,
    @Inject(CONFIG) { limits, mcpCallsPerKey = Infinity, mcpStreamsPerKey = Infinity }: Config,
  ) {
    const { requests, requestsPerKey } = limits;
    this.quotas = { requests, requestsPerKey, calls: mcpCallsPerKey, streams: mcpStreamsPerKey };
    validator.onInvalid((hashes) => this.endStreams(({ owner }) => hashes.has(owner)));
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

  /** The error if this many more calls or streams of a key exceed a limit; `id` is the request's. */
  limitError(
    owner: string,
    id: RequestId | null,
    kind: UseKind = 'calls',
    more = 1,
  ): JsonRpcHttpError | undefined {
    const { requests, requestsPerKey } = this.quotas;
    const use = this.uses.get(owner) ?? UNUSED;
    if (use[kind] + more > this.quotas[kind]) return overQuota(kind, this.quotas[kind], id);
    if (use.calls + use.streams + more > requestsPerKey) return tooManyOfKey(requestsPerKey, id);
    return this.count + more > requests ? tooMany(id) : undefined;
  }

  /** @throws {JsonRpcHttpError} 429 or 503 when one more exceeds a limit. */
  requireCapacity(owner: string, id: RequestId | null, kind: UseKind = 'calls'): void {
    const error = this.limitError(owner, id, kind);
    if (error) throw error;
  }

  /**
   * Counts a call as a stream before its answer becomes one.
   *
   * @throws {JsonRpcHttpError} 429 when the key has too many streams.
   */
  beginStream(call: OpenCall & { readonly id: RequestId }): void {
    const use = this.uses.get(call.owner);
    if (!use || call.isStream) return;
    const { streams } = this.quotas;
    if (use.streams >= streams) {
      const error = overQuota('streams', streams, call.id);
      // The answer is that of a call, which no filter sees and the audit has.
      this.limitCounter.refused(error);
      throw error;
    }
    call.isStream = true;
    use.calls -= 1;
    use.streams += 1;
  }

  enter(call: OpenCall): void {
    this.calls.add(call);
    this.add(call.owner, 'calls', 1);
  }

  /** May be called twice. */
  leave(call: OpenCall): void {
    if (this.calls.delete(call)) this.add(call.owner, call.isStream ? 'streams' : 'calls', -1);
    if (this.calls.size === 0) this.whenIdle?.();
  }

  /** @param expiresAt when the token of its request expires, in seconds: the client opens it again with a newer one. */
  open(stream: OpenStream, expiresAt?: number): void {
    this.streams.add(stream);
    this.add(stream.owner, 'streams', 1);
    if (expiresAt === undefined) return;
    const left = Math.min(expiresAt * 1000 - Date.now(), LONGEST_TIMER_MS);
    this.expiries.set(stream, setTimeout(() => stream.end(), left).unref());
  }

  closed(stream: OpenStream): void {
    clearTimeout(this.expiries.get(stream));
    this.expiries.delete(stream);
    if (this.streams.delete(stream)) this.add(stream.owner, 'streams', -1);
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

  private add(owner: string, kind: UseKind, change: 1 | -1): void {
    this.count += change;
    let use = this.uses.get(owner);
    if (!use) this.uses.set(owner, (use = { calls: 0, streams: 0 }));
    use[kind] += change;
    if (use.calls + use.streams === 0) this.uses.delete(owner);
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

const UNUSED: Readonly<KeyUse> = { calls: 0, streams: 0 };
const SOON = { 'Retry-After': '1' };

const OVER_QUOTA: Readonly<Record<UseKind, (most: number) => string>> = {
  calls: (most) =>
    `This key has ${most} requests in progress here. Wait until some are answered, or cancel them.`,
  streams: (most) => `This key has ${most} streams open here. End some, or wait until they have ended.`,
};

const overQuota = (kind: UseKind, most: number, id: RequestId | null): JsonRpcHttpError =>
  new JsonRpcHttpError(429, CODE.serverError, `Too Many Requests: ${OVER_QUOTA[kind](most)}`, {
    id,
    headers: SOON,
    limit: `${kind}_per_key`,
  });

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
