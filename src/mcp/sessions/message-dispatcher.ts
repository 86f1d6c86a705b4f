import { Injectable, Logger } from '@nestjs/common';
import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import type { ServerResponse } from 'node:http';

import type { McpHttpRequest } from '../auth/index.js';
import type { Begun } from '../calls/index.js';
import { CODE, errorMessage, isRequest } from '../protocol/index.js';
import type { SessionRecord } from '../storage/index.js';
import { ClientNotifications } from './client-notifications.js';
import { LiveSessions } from './live-sessions.js';
import { type PendingRequest, RequestDispatcher } from './request-dispatcher.js';
import { SessionCalls } from './session-calls.js';

/** Takes in the messages of one POST to a session, and sees that each request among them is answered once. */
@Injectable()
export class MessageDispatcher {
  private readonly logger = new Logger(MessageDispatcher.name);

  constructor(
    private readonly live: LiveSessions,
    private readonly requests: RequestDispatcher,
    private readonly notifications: ClientNotifications,
    private readonly calls: SessionCalls,
  ) {}

  /**
   * Resolves when all is taken in. Requests that only the SDK can answer are not waited for.
   *
   * @throws {JsonRpcHttpError} 429 or 503 when too much is in progress already; 503 when what is said concerns another replica, and
   * none can be reached.
   */
  async receive(
    record: SessionRecord,
    messages: readonly JSONRPCMessage[],
    rawRequest: McpHttpRequest,
    response: ServerResponse,
  ): Promise<Begun> {
    const session = this.live.of(record);
    const pending: Promise<void>[] = [];
    const notifications: Promise<void>[] = [];
    const requests = messages.filter(isRequest);
    const error = this.calls.limitError(requests, session);
    const reply = this.calls.replyTo(requests, session, response);
    for (const message of messages) {
      if (!isRequest(message)) notifications.push(this.notifications.take(session, message));
      else if (!error)
        pending.push(
          this.answer({ session, message, rawRequest, call: this.calls.open(session, message, reply) }),
        );
    }
    if (error || notifications.length > 0) {
      const outcomes = await Promise.allSettled(notifications);
      this.live.forgetIfIdle(session);
      if (error) throw error;
      if (requests.length === 0) confirm(outcomes, response);
    }
    return { answered: Promise.all(pending) };
  }

  private answer(request: PendingRequest): Promise<void> {
    const { call, message } = request;
    return this.requests.answer(request).catch((error: unknown) => {
      this.logger.error({ message: 'a request could not be answered', method: message.method, error });
      call.answer(errorMessage(call.id, { code: CODE.internalError, message: 'Internal server error' }));
    });
  }
}

/** Answers a POST that asks for nothing; or throws why what it said could not be taken. */
function confirm(outcomes: readonly PromiseSettledResult<void>[], response: ServerResponse): void {
  for (const one of outcomes) if (one.status === 'rejected') throw one.reason;
  response.writeHead(202).end();
}
