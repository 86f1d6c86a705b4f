import type { ServerResponse } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';

import type { McpHttpRequest } from '../auth/index.js';
import { EventStream, InFlightRequests, LimitCounter } from '../calls/index.js';
import { CODE, JsonRpcHttpError, notificationMessage } from '../protocol/index.js';
import {
  eventIdOf,
  type EventPage,
  type EventPosition,
  type EventReader,
  EventStore,
  positionOf,
  type SessionRecord,
  SessionStore,
  type StreamLease,
} from '../storage/index.js';
import { ToolSources } from '../tools/index.js';
import { type LiveSession, LiveSessions, SESSION_ID } from './live-sessions.js';

/** Reconnection time: TypeScript clients try twice, and a restart takes seconds. */
const RETRY_MS = 5000;

const TOOLS_CHANGED = notificationMessage('notifications/tools/list_changed');

/** The response that becomes a stream, and what its request came with. */
interface Opened extends Pick<McpHttpRequest, 'auth'> {
  readonly response: ServerResponse;
}

/**
 * The standalone stream of a session, opened by GET, for messages unrelated to a request. The newest replaces the one
 * before: behind a proxy that dropped only the client's side, the old one may look open for long.
 */
@Injectable()
export class StandaloneStreams {
  @Inject(ToolSources) private readonly sources!: ToolSources;

  constructor(
    private readonly sessions: SessionStore,
    private readonly live: LiveSessions,
    private readonly inFlight: InFlightRequests,
    private readonly limitCounter: LimitCounter,
  ) {}

  /** @throws {JsonRpcHttpError} 404 when the session has ended meanwhile; 429 or 503 when a limit is exceeded. */
  async open(record: SessionRecord, { auth }: McpHttpRequest, response: ServerResponse): Promise<void> {
    // A replacement does not count as one more.
    if (!this.live.find(record.sessionHash)?.stream)
      this.inFlight.requireCapacity(auth.owner, null, 'streams');
    const lease = await this.sessions.leaseStream(record);
    if (response.destroyed) {
      await lease.release();
      return;
    }
    const session = this.live.of(record);
    const before = session.stream;
    const stream = this.begin(session, lease, { auth, response });
    if (before) {
      this.limitCounter.count('streams_per_session');
      // The client may have missed them; a repeated list change does no harm.
      for (const message of session.broadcasts) void stream.send(message);
      before.end();
    }
    lease.announceTakeover();
    const viewer = { auth, ...(record.toolsets !== undefined && { toolsets: record.toolsets }) };
    const unwatch = this.sources.watch(viewer, () => void stream.send(TOOLS_CHANGED));
    response.once('close', unwatch);
  }

  private begin(session: LiveSession, lease: StreamLease, { auth, response }: Opened): EventStream {
    const stream = new EventStream(response, { [SESSION_ID]: session.record.id });
    stream.comeBackAfter(RETRY_MS);
    const end = (): void => {
      // Another stream may have set a shorter reconnection time.
      stream.comeBackAfter(RETRY_MS);
      stream.end();
    };
    const open = { owner: auth.owner, end };
    session.stream = stream;
    lease.onLost(() => stream.end());
    this.inFlight.open(open, auth.expiresAt);
    response.once('close', () => {
      if (session.stream === stream) session.forgetStream();
      this.inFlight.closed(open);
      this.live.forgetIfIdle(session);
      // Without a release the lease expires.
      lease.release().catch(() => undefined);
    });
    return stream;
  }
}

/**
 * Streams opened by GET: the standalone stream of a session, or with `Last-Event-ID` the rest of a stream its client
 * lost.
 */
@Injectable()
export class GetStreams {
  constructor(
    private readonly standalone: StandaloneStreams,
    private readonly logs: EventStore,
    private readonly live: LiveSessions,
    private readonly inFlight: InFlightRequests,
  ) {}

  /** @throws {JsonRpcHttpError} */
  async open(record: SessionRecord, request: McpHttpRequest, response: ServerResponse): Promise<void> {
    const lastEventId = String(request.headers['last-event-id'] ?? '');
    if (lastEventId === '') {
      await this.standalone.open(record, request, response);
    } else {
      this.inFlight.requireCapacity(request.auth.owner, null, 'streams');
      await this.resume(record, lastEventId, { auth: request.auth, response });
    }
  }

  /**
   * @throws {JsonRpcHttpError} 400 for an event id that is invalid or too old; 405 when nothing follows. A later error
   *   ends the connection, and the client reconnects.
   */
  private async resume(record: SessionRecord, lastEventId: string, opened: Opened): Promise<void> {
    const { response } = opened;
    const from = positionOf(lastEventId);
    if (!from) throw unknown();
    using reading = this.logs.read(record, from.stream);
    const page = await reading.after(from.sequence);
    if (!page) throw unknown();
    if (page.isOver && page.entries.length === 0) throw over(page);
    if (response.destroyed) return;
    const out = this.openResumed(record, from.stream, opened);
    response.once('close', () => reading.stop());
    await replay({ from, page, reading, out });
    out.end();
  }

  /** A client that resumes again has lost the previous connection. */
  private openResumed(record: SessionRecord, stream: string, { auth, response }: Opened): EventStream {
    const session = this.live.of(record);
    session.resumed.get(stream)?.end();
    const out = new EventStream(response, { [SESSION_ID]: record.id });
    const open = { owner: auth.owner, end: (): void => out.end() };
    session.resumed.set(stream, out);
    this.inFlight.open(open, auth.expiresAt);
    response.once('close', () => {
      if (session.resumed.get(stream) === out) session.resumed.delete(stream);
      this.inFlight.closed(open);
      this.live.forgetIfIdle(session);
    });
    return out;
  }
}

interface Replay {
  readonly from: EventPosition;
  readonly page: EventPage;
  readonly reading: EventReader;
  readonly out: EventStream;
}

/** Sends stored and new events until the stream or the client ends. */
async function replay({ from: { stream, sequence }, page: first, reading, out }: Replay): Promise<void> {
  let last = sequence;
  for (let page: EventPage | undefined = first; page && out.isOpen; page = await reading.after(last)) {
    for (const entry of page.entries) {
      await out.send(entry.message, eventIdOf({ stream, sequence: entry.sequence }));
      last = entry.sequence;
    }
    if (page.isOver) return;
    await reading.more();
  }
}

const unknown = (): JsonRpcHttpError =>
  new JsonRpcHttpError(
    400,
    CODE.serverError,
    'Bad Request: Nothing is kept under this Last-Event-ID. Make the request anew; if it ran a task, list_tasks shows it.',
  );

/**
 * TypeScript clients treat any other status as a failure, report it and retry; this one means that there is no
 * stream.
 */
const over = ({ isCancelled }: EventPage): JsonRpcHttpError =>
  new JsonRpcHttpError(
    405,
    CODE.serverError,
    isCancelled
      ? 'Method Not Allowed: The client has cancelled the request of this stream. Nothing follows.'
      : 'Method Not Allowed: This stream has ended, and everything it said has been read. Nothing follows.',
    { headers: { Allow: 'POST, DELETE' } },
  );
