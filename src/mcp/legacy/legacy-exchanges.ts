import { Injectable, Logger } from '@nestjs/common';
import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import type { ServerResponse } from 'node:http';

import type { KeyedRequest } from '../auth/keyed-request.js';
import { CODE } from '../edge/refusal.js';
import { Call } from '../transport/call.js';
import { errorMessage, isRequest, type RequestMessage } from '../transport/messages.js';
import { Reply } from '../transport/reply.js';
import { Traffic } from '../transport/traffic.js';
import { SESSION_ID } from './legacy-messages.js';
import { LegacyNotices } from './legacy-notices.js';
import { type Asked, LegacyRequests } from './legacy-requests.js';
import type { LiveSession } from './live-session.js';
import { LiveSessions } from './live-sessions.js';
import type { SessionRecord } from './sessions.js';

/** In these revisions a lost connection is no cancellation: a client has this long to come back. */
const RESUME_WINDOW_MS = 60_000;

/** Takes in the messages of one POST to a session, and sees that each request among them is answered once. */
@Injectable()
export class LegacyExchanges {
  private readonly logger = new Logger(LegacyExchanges.name);

  constructor(
    private readonly live: LiveSessions,
    private readonly requests: LegacyRequests,
    private readonly notices: LegacyNotices,
    private readonly traffic: Traffic,
  ) {}

  /** @throws {Refusal} 503 when what is said concerns another replica, and none can be reached. */
  async receive(
    record: SessionRecord,
    messages: readonly JSONRPCMessage[],
    rawRequest: KeyedRequest,
    response: ServerResponse,
  ): Promise<void> {
    const session = this.live.of(record);
    const notices: Promise<void>[] = [];
    const count = messages.filter(isRequest).length;
    const reply = new Reply(response, { [SESSION_ID]: record.id }, count);
    for (const message of messages) {
      if (isRequest(message))
        this.begin({ session, message, rawRequest, call: this.callFor(session, message, reply) });
      else notices.push(this.notices.take(session, message));
    }
    if (count > 0 && notices.length === 0) return;
    const told = await Promise.allSettled(notices);
    this.live.settle(session);
    if (count > 0) return;
    for (const one of told) if (one.status === 'rejected') throw one.reason;
    response.writeHead(202).end();
  }

  private callFor(session: LiveSession, { id }: RequestMessage, reply: Reply): Call {
    const call = new Call(id, reply, (done) => {
      if (session.calls.get(id) === done) session.calls.delete(id);
      this.traffic.leave(done);
      this.live.settle(session);
    });
    session.calls.set(id, call);
    this.traffic.enter(call);
    reply.onLost(() => call.cancelIn(RESUME_WINDOW_MS, 'the client is gone'));
    return call;
  }

  private begin(asked: Asked): void {
    const { call, message } = asked;
    this.requests.answer(asked).catch((error: unknown) => {
      this.logger.error({ message: 'a request could not be answered', method: message.method, error });
      call.answer(errorMessage(call.id, { code: CODE.internalError, message: 'Internal server error' }));
    });
  }
}
