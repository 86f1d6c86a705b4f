import { Injectable, Logger } from '@nestjs/common';
import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import type { ServerResponse } from 'node:http';

import type { KeyedRequest } from '../auth/index.js';
import type { Begun } from '../calls/index.js';
import { CODE, errorMessage, isRequest } from '../protocol/index.js';
import type { SessionRecord } from '../storage/index.js';
import { LegacyCalls } from './legacy-calls.js';
import { LegacyNotices } from './legacy-notices.js';
import { type Asked, LegacyRequests } from './legacy-requests.js';
import { LiveSessions } from './live-sessions.js';

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
   * Resolves when all is taken in. Requests that only the SDK can answer are not waited for.
   *
   * @throws {Refusal} 429 or 503 when too much is in progress already; 503 when what is said concerns another replica, and
   * none can be reached.
   */
  async receive(
    record: SessionRecord,
    messages: readonly JSONRPCMessage[],
    rawRequest: KeyedRequest,
    response: ServerResponse,
  ): Promise<Begun> {
    const session = this.live.of(record);
    const begun: Promise<void>[] = [];
    const notices: Promise<void>[] = [];
    const requests = messages.filter(isRequest);
    const refusal = this.calls.refusalOf(requests, session);
    const reply = this.calls.replyTo(requests, session, response);
    for (const message of messages) {
      if (!isRequest(message)) notices.push(this.notices.take(session, message));
      else if (!refusal)
        begun.push(
          this.begin({ session, message, rawRequest, call: this.calls.open(session, message, reply) }),
        );
    }
    if (refusal || notices.length > 0) {
      const told = await Promise.allSettled(notices);
      this.live.settle(session);
      if (refusal) throw refusal;
      if (requests.length === 0) confirm(told, response);
    }
    return { answered: Promise.all(begun) };
  }

  private begin(asked: Asked): Promise<void> {
    const { call, message } = asked;
    return this.requests.answer(asked).catch((error: unknown) => {
      this.logger.error({ message: 'a request could not be answered', method: message.method, error });
      call.answer(errorMessage(call.id, { code: CODE.internalError, message: 'Internal server error' }));
    });
  }
}

/** Answers a POST that asks for nothing; or throws why what it said could not be taken. */
function confirm(told: readonly PromiseSettledResult<void>[], response: ServerResponse): void {
  for (const one of told) if (one.status === 'rejected') throw one.reason;
  response.writeHead(202).end();
}
