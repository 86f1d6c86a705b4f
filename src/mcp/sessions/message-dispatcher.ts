import type { ServerResponse } from 'node:http';
import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server';
import { Inject, Injectable } from '@nestjs/common';

import { withinCopy } from '../../telemetry/index.js';
import type { McpHttpRequest } from '../auth/index.js';
import { type Accepted, Call, InFlightRequests, Operations, Reply } from '../calls/index.js';
import { CODE, isNotification, isRequest, JsonRpcHttpError, type RequestMessage } from '../protocol/index.js';
import type { SessionRecord } from '../storage/index.js';
import { EventRecorder } from './event-recorder.js';
import { type LiveSession, LiveSessions, SESSION_ID } from './live-sessions.js';
import { RequestDispatcher } from './request-dispatcher.js';

/** In these revisions a lost connection does not cancel a call: a client has this long to resume. */
const RESUME_WINDOW_MS = 60_000;

/** Accepts the messages of one POST to a session and ensures that each request is answered once. */
@Injectable()
export class MessageDispatcher {
  @Inject(Operations) private readonly operations!: Operations;
  private readonly beginStream = (call: Call): void => this.inFlight.beginStream(call);

  constructor(
    private readonly live: LiveSessions,
    private readonly requests: RequestDispatcher,
    private readonly inFlight: InFlightRequests,
    private readonly recorder: EventRecorder,
  ) {}

  /**
   * Accepts all messages, without waiting for the responses.
   *
   * @throws {JsonRpcHttpError} 429 or 503 when a limit is exceeded; 503 when a notification concerns another replica
   *   and none is reachable.
   */
  receive(
    record: SessionRecord,
    messages: readonly JSONRPCMessage[],
    rawRequest: McpHttpRequest,
    response: ServerResponse,
  ): Accepted | Promise<Accepted> {
    const session = this.live.of(record);
    // Of the session, also when this request names others.
    if (record.toolsets !== undefined) rawRequest.toolsets = record.toolsets;
    const [message, ...more] = messages;
    return message && more.length === 0 && isRequest(message)
      ? this.receiveRequest(session, message, rawRequest, response)
      : this.receiveAll(session, messages, rawRequest, response);
  }

  /** One request, as nearly every POST has it. */
  private receiveRequest(
    session: LiveSession,
    message: RequestMessage,
    rawRequest: McpHttpRequest,
    response: ServerResponse,
  ): Accepted {
    const requests = [message];
    const error = this.limitError(requests, session, rawRequest);
    if (error) {
      this.live.forgetIfIdle(session);
      throw error;
    }
    const reply = this.replyTo(requests, session, rawRequest, response);
    const call = this.openCall(session, message, reply, rawRequest);
    return { answered: this.requests.answer({ session, message, rawRequest, call }) };
  }

  private async receiveAll(
    session: LiveSession,
    messages: readonly JSONRPCMessage[],
    rawRequest: McpHttpRequest,
    response: ServerResponse,
  ): Promise<Accepted> {
    const pending: Promise<void>[] = [];
    const notifications: Promise<void>[] = [];
    const requests = messages.filter(isRequest);
    const error = this.limitError(requests, session, rawRequest);
    const reply = this.replyTo(requests, session, rawRequest, response);
    for (const message of messages) {
      if (!isRequest(message)) notifications.push(this.notified(session, message, rawRequest));
      else if (!error)
        pending.push(
          withinCopy(() =>
            this.requests.answer({
              session,
              message,
              rawRequest,
              call: this.openCall(session, message, reply, rawRequest),
            }),
          ),
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

  private async notified(
    session: LiveSession,
    message: JSONRPCMessage,
    rawRequest: McpHttpRequest,
  ): Promise<void> {
    await this.live.receive(session, message);
    // What is left are answers of the client.
    if (isNotification(message))
      this.operations.begin(rawRequest, message, session.record.protocolVersion)?.end();
  }

  /** The error if these exceed a limit. Notifications pass, since one may cancel a request. */
  private limitError(
    requests: readonly RequestMessage[],
    session: LiveSession,
    { auth: { owner } }: McpHttpRequest,
  ): JsonRpcHttpError | undefined {
    const { length } = requests;
    if (length === 0) return undefined;
    const id = idOf(requests);
    if (!this.live.hasCapacity(session, length)) return tooMuchAtOnce(id);
    return this.inFlight.limitError(owner, id, 'calls', length);
  }

  /** The response to a POST that holds these requests. */
  private replyTo(
    requests: readonly RequestMessage[],
    { record }: LiveSession,
    rawRequest: McpHttpRequest,
    response: ServerResponse,
  ): Reply {
    const headers = { [SESSION_ID]: record.id };
    const [message, ...more] = requests;
    // Batches belong to a revision without resumable streams.
    if (!message || more.length > 0) return new Reply(response, { headers, answers: requests.length });
    return new Reply(response, {
      headers,
      startRecording: (onRead) => this.recorder.begin(record, { message, viewer: rawRequest }, onRead),
    });
  }

  private openCall(
    session: LiveSession,
    message: RequestMessage,
    reply: Reply,
    rawRequest: McpHttpRequest,
  ): Call {
    const call = new Call(message.id, rawRequest.auth.owner, reply, (done) => {
      session.inProgress.delete(inProgress);
      this.inFlight.leave(done);
      this.live.forgetIfIdle(session);
    });
    call.operation = this.operations.begin(rawRequest, message, session.record.protocolVersion);
    call.beforeStream = this.beginStream;
    const inProgress = { call };
    session.inProgress.add(inProgress);
    this.inFlight.enter(call);
    reply.onLost(() => call.cancelIn(RESUME_WINDOW_MS, 'the client is gone'));
    return call;
  }
}

/** Answers a POST without requests, or throws the error of a notification. */
function confirm(outcomes: readonly PromiseSettledResult<void>[], response: ServerResponse): void {
  for (const one of outcomes) if (one.status === 'rejected') throw one.reason;
  response.writeHead(202).end();
}

/** @param requests of one POST; a batch has no id. */
const idOf = ([first, ...others]: readonly RequestMessage[]): RequestId | null =>
  others.length === 0 ? (first?.id ?? null) : null;

function tooMuchAtOnce(id: RequestId | null): JsonRpcHttpError {
  const message =
    'Too Many Requests: Too many requests of this session are in progress. Wait until some are answered, or cancel them.';
  const headers = { 'Retry-After': '1' };
  return new JsonRpcHttpError(429, CODE.serverError, message, { id, headers, limit: 'requests_per_session' });
}
