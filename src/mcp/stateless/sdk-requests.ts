import { Injectable } from '@nestjs/common';
import type { CallToolResult, RequestId } from '@modelcontextprotocol/server';
import type { ServerResponse } from 'node:http';

import type { McpHttpRequest } from '../auth/index.js';
import { InFlightRequests, INTERRUPTED, type OpenCall } from '../calls/index.js';
import { sendJsonRpcError } from '../http/index.js';
import { CODE, isRecord, isRequestId, JsonRpcHttpError } from '../protocol/index.js';
import { SdkHandler } from './sdk-handler.js';

/** Requests that the SDK answers, tracked among the open ones. */
@Injectable()
export class SdkRequests {
  constructor(
    private readonly handler: SdkHandler,
    private readonly inFlight: InFlightRequests,
  ) {
    inFlight.beforeDrain(() => void handler.endSubscriptions());
  }

  /**
   * Passes a request to the SDK; `first` is the result of a tool that only the SDK can send.
   *
   * @throws {JsonRpcHttpError} 429 or 503 when a limit is exceeded.
   */
  async serve(
    request: McpHttpRequest,
    response: ServerResponse,
    body: unknown,
    first?: CallToolResult,
  ): Promise<void> {
    if (!first) this.inFlight.requireCapacity(request.auth.keyHash, idOf(body));
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    if (isRecord(body) && body['method'] === 'subscriptions/listen') {
      await this.subscribe(request, response, body, gone);
    } else {
      await this.answer(request, response, body, { gone, first });
    }
  }

  private async subscribe(
    request: McpHttpRequest,
    response: ServerResponse,
    body: unknown,
    gone: AbortController,
  ): Promise<void> {
    const open = { keyHash: request.auth.keyHash, end: (): void => gone.abort() };
    this.inFlight.open(open);
    const { signal } = gone;
    await this.handler
      .serve(request, response, body, { gone: signal, stop: signal, first: undefined, isSubscription: true })
      .finally(() => this.inFlight.closed(open));
  }

  private async answer(
    request: McpHttpRequest,
    response: ServerResponse,
    body: unknown,
    { gone, first }: { readonly gone: AbortController; readonly first: CallToolResult | undefined },
  ): Promise<void> {
    const stop = new AbortController();
    const call: OpenCall = {
      keyHash: request.auth.keyHash,
      abort: (reason) => stop.abort(new Error(reason)),
      interrupt: () => sendJsonRpcError(interrupted(body), response),
    };
    this.inFlight.enter(call);
    const signals = { gone: gone.signal, stop: stop.signal };
    await this.handler
      .serve(request, response, body, { ...signals, first, isSubscription: false })
      .finally(() => this.inFlight.leave(call));
  }
}

/** The response at shutdown in place of the SDK's; an open stream just ends. */
const interrupted = (body: unknown): JsonRpcHttpError =>
  new JsonRpcHttpError(503, CODE.serverError, INTERRUPTED, { id: idOf(body) });

const idOf = (body: unknown): RequestId | null =>
  isRecord(body) && isRequestId(body['id']) ? body['id'] : null;
