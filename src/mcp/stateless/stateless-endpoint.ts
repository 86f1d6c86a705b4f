import { Injectable } from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import type { McpHttpRequest } from '../auth/index.js';
import { type Accepted, ALREADY_ANSWERED, Reply } from '../calls/index.js';
import { CODE, errorMessage, isPlainMessage, isRequest, resultMessage } from '../protocol/index.js';
import { userOf } from '../tools/index.js';
import { FastPath } from './fast-path.js';
import { SdkRequests } from './sdk-requests.js';
import { StatelessCalls } from './stateless-calls.js';
import { StatelessResults } from './stateless-results.js';

/** The stateless revision: every POST is independent. */
@Injectable()
export class StatelessEndpoint {
  constructor(
    private readonly fastPath: FastPath,
    private readonly results: StatelessResults,
    private readonly calls: StatelessCalls,
    private readonly sdk: SdkRequests,
  ) {}

  async post(request: McpHttpRequest, response: ServerResponse, body: unknown): Promise<Accepted> {
    if (!this.fastPath.include(request.headers, body)) {
      await this.answerOther(request, response, body);
    } else if (body.method === 'server/discover') {
      new Reply(response).answer(resultMessage(body.id, this.results.discovery()));
    } else if (body.method === 'tools/list') {
      new Reply(response).answer(this.results.toolList(userOf(request)).answer(body.id));
    } else {
      const result = await this.calls.answer(request, response, body);
      if (result) await this.sdk.serve(request, response, body, result);
    }
    return ALREADY_ANSWERED;
  }

  private async answerOther(request: McpHttpRequest, response: ServerResponse, body: unknown): Promise<void> {
    const message = isPlainMessage(body) && isRequest(body) ? body : undefined;
    const fault = message && this.fastPath.paramsErrorOf(request.headers, message);
    if (message === undefined || fault === undefined) await this.sdk.serve(request, response, body);
    else new Reply(response).answer(errorMessage(message.id, { code: CODE.invalidParams, message: fault }));
  }
}
