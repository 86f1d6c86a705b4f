import { Injectable } from '@nestjs/common';

import type { RecordedStream } from '../calls/index.js';
import { isRecord, type RequestMessage, resultMessage } from '../protocol/index.js';
import { eventIdOf, EventStore, type SessionRecord } from '../storage/index.js';
import { failed, type RegisteredTool, ToolRunner, type Viewer } from '../tools/index.js';

/** The first revision whose clients accept an event without data. */
const EMPTY_EVENTS_SINCE = '2025-11-25';
const GONE = 'The server that worked on this call is gone.';
const UNSURE = 'The call may have taken effect.';

/** A call that may be answered by a stream. */
interface RecordedCall {
  readonly message: RequestMessage;
  readonly viewer: Viewer;
}

/** Records the stream of a call, so that a client which loses its connection can resume it. */
@Injectable()
export class EventRecorder {
  constructor(
    private readonly logs: EventStore,
    private readonly tools: ToolRunner,
  ) {}

  /** @param onRead called when the client resumes on another connection, and regularly while it reads. */
  begin(session: SessionRecord, call: RecordedCall, onRead: () => void): RecordedStream {
    const log = this.logs.begin(session, { crashReply: () => this.crashReplyTo(call), onRead });
    const { stream } = log;
    const idOf = (sequence: number): string => eventIdOf({ stream, sequence });
    return {
      firstEventId: session.protocolVersion < EMPTY_EVENTS_SINCE ? undefined : idOf(0),
      append: (text) => idOf(log.append(text)),
      end: (text) => idOf(log.end(text)),
      cancel: () => log.cancel(),
      drop: () => log.drop(),
    };
  }

  /** Answers a call whose process died; another replica sends it. */
  private crashReplyTo({ message: { id, params = {} }, viewer }: RecordedCall): string {
    const { name, arguments: args } = params;
    const tool = typeof name === 'string' ? this.tools.known(name, viewer) : undefined;
    const advice = adviceOf(tool, isRecord(args) ? args : {});
    return resultMessage(id, JSON.stringify(failed({ error_message: `${GONE} ${advice}` })));
  }
}

/** The arguments are not validated yet, so an author's function may throw. */
function adviceOf(tool: RegisteredTool | undefined, args: Record<string, unknown>): string {
  try {
    return tool?.streaming?.whenLost?.(args) ?? UNSURE;
  } catch {
    return UNSURE;
  }
}
