import { setTimeout as delay } from 'node:timers/promises';

import { createParser, type EventSourceMessage } from 'eventsource-parser';

import { type ApiClient, ApiRejection } from './api-client.js';
import { CommandError, EXIT_CODES } from './command-error.js';
import { noAnswer } from './http-fetch.js';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;
/** Silence after which a connection counts as lost; the runtime writes a comment every 15 s. */
const IDLE_MS = 60_000;
/** How long a server may be away, as while it is restarted. */
const AWAY_MS = 300_000;

export interface Followed {
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly signal: AbortSignal;
  /** Handles an event; true when it was the last. */
  readonly onEvent: (event: EventSourceMessage) => boolean;
  /** Called when the stream has ended without a last event: whether there are no more. */
  readonly isOver: () => Promise<boolean>;
  /** Reports to the person that the connection is lost, once each time. */
  readonly onLost: (reason: string) => void;
}

/** Reads server-sent events to the last one. A connection that is lost is made again, and continues after the last event. */
export async function followEvents(api: ApiClient, followed: Followed): Promise<void> {
  const { signal, isOver, onLost } = followed;
  const stream = new EventConnection(api, followed);
  let [pauseMs, lastContact, isLost] = [FIRST_PAUSE_MS, Date.now(), false];
  for (;;) {
    const [before, result] = [stream.eventCount, await stream.read()];
    if (result === 'last') return;
    if (stream.eventCount > before || result === undefined)
      [pauseMs, lastContact, isLost] = [FIRST_PAUSE_MS, Date.now(), false];
    if (result === undefined && (await isOver())) return;
    if (result !== undefined) {
      if (Date.now() - lastContact > AWAY_MS) throw result;
      if (!isLost) onLost(result.message);
      isLost = true;
    }
    await delay(pauseMs, undefined, { signal });
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

class EventConnection {
  eventCount = 0;
  private lastId: string | undefined;

  constructor(
    private readonly api: ApiClient,
    private readonly followed: Followed,
  ) {}

  /** `undefined` when the server has ended the stream, else how the connection was lost; throws what will not change. */
  async read(): Promise<'last' | undefined | Error> {
    const idle = new IdleLimit(this.followed.signal);
    try {
      const { path, query } = this.followed;
      const headers = this.lastId === undefined ? {} : { 'Last-Event-ID': this.lastId };
      const request = { path, headers, signal: idle.signal, ...(query && { query }) };
      return (await this.readAll(await this.api.events(request), idle)) ? 'last' : undefined;
    } catch (thrown) {
      if (this.followed.signal.aborted) throw this.followed.signal.reason;
      if (thrown instanceof CommandError && !isTemporary(thrown)) throw thrown;
      return thrown instanceof CommandError
        ? thrown
        : noAnswer(new URL(this.api.server.url), idle.signal, thrown);
    } finally {
      idle.end();
    }
  }

  private async readAll(chunks: AsyncIterable<Uint8Array>, idle: IdleLimit): Promise<boolean> {
    const decoder = new TextDecoder();
    const events: EventSourceMessage[] = [];
    const parser = createParser({ onEvent: (event) => events.push(event) });
    for await (const chunk of chunks) {
      idle.restart();
      parser.feed(decoder.decode(chunk, { stream: true }));
      for (const event of events.splice(0)) {
        this.eventCount += 1;
        this.lastId = event.id ?? this.lastId;
        if (this.followed.onEvent(event)) return true;
      }
    }
    return false;
  }
}

/** Aborts when the caller does, and after silence. */
class IdleLimit {
  private readonly controller = new AbortController();
  readonly signal: AbortSignal;
  private readonly timer = setTimeout(
    () => this.controller.abort(new DOMException('silence', 'TimeoutError')),
    IDLE_MS,
  );

  constructor(caller: AbortSignal) {
    this.signal = AbortSignal.any([caller, this.controller.signal]);
  }

  restart(): void {
    this.timer.refresh();
  }

  end(): void {
    clearTimeout(this.timer);
  }
}

/** As a restart or an overload is. */
const isTemporary = (error: CommandError): boolean =>
  error.exitCode === EXIT_CODES.unreachable ||
  (error instanceof ApiRejection && (error.status === 429 || error.status >= 500));
