import { Injectable } from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import type { KeyedRequest } from '../auth/index.js';
import { ANSWERED, type Begun, Reply } from '../calls/index.js';
import { CODE, errorMessage, isPlainMessage, isRequest, resultMessage } from '../protocol/index.js';
import { userOf } from '../tools/index.js';
import { HotRequests } from './hot-requests.js';
import { ModernCalls } from './modern-calls.js';
import { ModernResults } from './modern-results.js';
import { SdkExchanges } from './sdk-exchanges.js';

/** The revision without sessions: every POST stands for itself. */
@Injectable()
export class ModernEndpoint {
  constructor(
    private readonly hot: HotRequests,
    private readonly results: ModernResults,
    private readonly calls: ModernCalls,
    private readonly sdk: SdkExchanges,
  ) {}

  async post(request: KeyedRequest, response: ServerResponse, body: unknown): Promise<Begun> {
    if (!this.hot.include(request.headers, body)) {
      await this.answerRare(request, response, body);
    } else if (body.method === 'server/discover') {
      new Reply(response).answer(resultMessage(body.id, this.results.discovery()));
    } else if (body.method === 'tools/list') {
      new Reply(response).answer(this.results.toolList(userOf(request)).answer(body.id));
    } else {
      const result = await this.calls.answer(request, response, body);
      if (result) await this.sdk.serve(request, response, body, result);
    }
    return ANSWERED;
  }

  private async answerRare(request: KeyedRequest, response: ServerResponse, body: unknown): Promise<void> {
    const message = isPlainMessage(body) && isRequest(body) ? body : undefined;
    const fault = message && this.hot.faultIn(request.headers, message);
    if (message === undefined || fault === undefined) await this.sdk.serve(request, response, body);
    else new Reply(response).answer(errorMessage(message.id, { code: CODE.invalidParams, message: fault }));
  }
}
