import { Injectable, Logger } from '@nestjs/common';
import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import type { ServerResponse } from 'node:http';

import type { KeyedRequest } from '../auth/keyed-request.js';
import { CODE, Refusal } from '../edge/refusal.js';
import { errorMessage, isRequest, type RequestMessage } from '../transport/messages.js';
import { LegacyCalls } from './legacy-calls.js';
import { LegacyNotices } from './legacy-notices.js';
import { type Asked, LegacyRequests } from './legacy-requests.js';
import { LiveSessions } from './live-sessions.js';
import type { SessionRecord } from './sessions.js';

/** Takes in the messages of one POST to a session, and sees that each request among them is answered once. */
@Injectable()
export class LegacyExchanges {
  private readonly logger = new Logger(LegacyExchanges.name);

  constructor(
    private readonly live: LiveSessions,
    private readonly requests: LegacyRequests,
    private readonly notices: LegacyNotices,
    private readonly calls: LegacyCalls,
  ) {}

  /**
   * @throws {Refusal} 429 when too much is in progress already; 503 when what is said concerns another replica, and
   * none can be reached.
   */
  async receive(
    record: SessionRecord,
    messages: readonly JSONRPCMessage[],
    rawRequest: KeyedRequest,
    response: ServerResponse,
  ): Promise<void> {
    const session = this.live.of(record);
    const notices: Promise<void>[] = [];
    const requests = messages.filter(isRequest);
    const count = requests.length;
    const hasRoom = this.live.hasRoom(session, count);
    const reply = this.calls.replyTo(requests, session, response);
    for (const message of messages) {
      if (!isRequest(message)) notices.push(this.notices.take(session, message));
      else if (hasRoom)
        this.begin({ session, message, rawRequest, call: this.calls.open(session, message, reply) });
    }
    if (hasRoom && count > 0 && notices.length === 0) return;
    const told = await Promise.allSettled(notices);
    this.live.settle(session);
    if (!hasRoom) throw tooMuchAtOnce(requests);
    if (count > 0) return;
    for (const one of told) if (one.status === 'rejected') throw one.reason;
    response.writeHead(202).end();
  }

  private begin(asked: Asked): void {
    const { call, message } = asked;
    this.requests.answer(asked).catch((error: unknown) => {
      this.logger.error({ message: 'a request could not be answered', method: message.method, error });
      call.answer(errorMessage(call.id, { code: CODE.internalError, message: 'Internal server error' }));
    });
  }
}

/** @param requests of one POST; a batch of them has no id of its own. */
function tooMuchAtOnce([first, ...others]: readonly RequestMessage[]): Refusal {
  const message =
    'Too Many Requests: Too many requests of this session are in progress. Wait until some are answered, or cancel them.';
  const id = others.length === 0 ? (first?.id ?? null) : null;
  const headers = { 'Retry-After': '1' };
  return new Refusal(429, CODE.refused, message, { id, headers, bound: 'requests_per_session' });
}
