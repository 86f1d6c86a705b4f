import { Injectable } from '@nestjs/common';
import type { CallToolResult, RequestId } from '@modelcontextprotocol/server';
import type { ServerResponse } from 'node:http';

import type { KeyedRequest } from '../auth/index.js';
import { INTERRUPTED, type OpenCall, Traffic } from '../calls/index.js';
import { sendRefusal } from '../http/index.js';
import { CODE, isRecord, isRequestId, Refusal } from '../protocol/index.js';
import { SdkModern } from './sdk-modern.js';

/** Requests the SDK answers, counted among what is open. */
@Injectable()
export class SdkExchanges {
  constructor(
    private readonly sdk: SdkModern,
    private readonly traffic: Traffic,
  ) {
    traffic.beforeDrain(() => void sdk.endSubscriptions());
  }

  /**
   * Lets the SDK answer; `first` is what a tool has returned already, and only the SDK knows how to send.
   *
   * @throws {Refusal} 429 or 503 when too much is in progress already.
   */
  async serve(
    request: KeyedRequest,
    response: ServerResponse,
    body: unknown,
    first?: CallToolResult,
  ): Promise<void> {
    if (!first) this.traffic.requireRoom(request.auth.clientId, idOf(body));
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    if (isRecord(body) && body['method'] === 'subscriptions/listen') {
      await this.subscribe(request, response, body, gone);
    } else {
      await this.answer(request, response, body, { gone, first });
    }
  }

  private async subscribe(
    request: KeyedRequest,
    response: ServerResponse,
    body: unknown,
    gone: AbortController,
  ): Promise<void> {
    const open = { keyHash: request.auth.clientId, end: (): void => gone.abort() };
    this.traffic.open(open);
    const { signal } = gone;
    await this.sdk
      .serve(request, response, body, { gone: signal, stop: signal, first: undefined, isSubscription: true })
      .finally(() => this.traffic.closed(open));
  }

  private async answer(
    request: KeyedRequest,
    response: ServerResponse,
    body: unknown,
    { gone, first }: { readonly gone: AbortController; readonly first: CallToolResult | undefined },
  ): Promise<void> {
    const stop = new AbortController();
    const call: OpenCall = {
      keyHash: request.auth.clientId,
      abort: (reason) => stop.abort(new Error(reason)),
      interrupt: () => sendRefusal(interrupted(body), response),
    };
    this.traffic.enter(call);
    const signals = { gone: gone.signal, stop: stop.signal };
    await this.sdk
      .serve(request, response, body, { ...signals, first, isSubscription: false })
      .finally(() => this.traffic.leave(call));
  }
}

/** The answer in place of the SDK's, when there is no more time for that; a stream under way just ends. */
const interrupted = (body: unknown): Refusal =>
  new Refusal(503, CODE.refused, INTERRUPTED, { id: idOf(body) });

const idOf = (body: unknown): RequestId | null =>
  isRecord(body) && isRequestId(body['id']) ? body['id'] : null;
