import type { ServerResponse } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import { ProtocolError } from '@modelcontextprotocol/server';

import type { McpHttpRequest } from '../auth/index.js';
import {
  type Accepted,
  ALREADY_ANSWERED,
  EncodedResult,
  type Operation,
  Operations,
  Reply,
} from '../calls/index.js';
import {
  CODE,
  errorMessage,
  headerOf,
  isPlainMessage,
  isRecord,
  isRequest,
  type RequestMessage,
  resultMessage,
  STATELESS_REVISION,
} from '../protocol/index.js';
import { Toolsets } from '../tools/index.js';
import { FastPath } from './fast-path.js';
import { idOf, SdkHandler } from './sdk-handler.js';
import { StatelessCalls } from './stateless-calls.js';
import { StatelessResults } from './stateless-results.js';

/** The stateless revision, 2026-07-28: every POST is independent. */
@Injectable()
export class StatelessEndpoint {
  @Inject(Toolsets) private readonly toolsets!: Toolsets;
  @Inject(Operations) private readonly operations!: Operations;

  constructor(
    private readonly fastPath: FastPath,
    private readonly results: StatelessResults,
    private readonly calls: StatelessCalls,
    private readonly sdk: SdkHandler,
  ) {}

  /** @throws {JsonRpcHttpError} 400 for a toolset that is not allowed; 429 or 503 when a limit is exceeded. */
  async post(request: McpHttpRequest, response: ServerResponse, body: unknown): Promise<Accepted> {
    const toolsets = this.toolsets.chosenBy(request, idOf(body));
    if (toolsets !== '') request.toolsets = toolsets;
    const operation = this.operationOf(request, body);
    if (!this.fastPath.include(request.headers, body)) {
      await this.answerOther(request, response, body, operation);
    } else if (body.method === 'server/discover') {
      new Reply(response).answer(resultMessage(body.id, this.results.discovery(request)));
    } else if (body.method === 'tools/list') {
      await this.listTools(request, response, body, operation);
    } else {
      const result = await this.calls.answer(request, response, body, operation);
      if (result) await this.sdk.serve(request, response, body, { first: result, operation });
    }
    operation?.end();
    return ALREADY_ANSWERED;
  }

  private async listTools(
    request: McpHttpRequest,
    response: ServerResponse,
    { id }: RequestMessage,
    operation: Operation | undefined,
  ): Promise<void> {
    try {
      const list = this.results.toolList(request);
      new Reply(response).answer((list instanceof EncodedResult ? list : await list).answer(id));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const { code, message, data } = error;
      operation?.failed(code);
      new Reply(response).answer(errorMessage(id, { code, message, data }));
    }
  }

  /** Refused requests are not measured: {@link post} throws before the operation ends. */
  private operationOf(request: McpHttpRequest, body: unknown): Operation | undefined {
    if (!isRecord(body) || typeof body['method'] !== 'string') return undefined;
    const message = { method: body['method'], params: body['params'] };
    const isKnown = headerOf(request.headers, 'mcp-protocol-version') === STATELESS_REVISION;
    return this.operations.begin(request, message, isKnown ? STATELESS_REVISION : undefined);
  }

  private async answerOther(
    request: McpHttpRequest,
    response: ServerResponse,
    body: unknown,
    operation: Operation | undefined,
  ): Promise<void> {
    const message = isPlainMessage(body) && isRequest(body) ? body : undefined;
    const fault = message && this.fastPath.paramsErrorOf(request.headers, message);
    if (message === undefined || fault === undefined) {
      await this.sdk.serve(request, response, body, { operation });
      return;
    }
    operation?.failed(CODE.invalidParams);
    new Reply(response).answer(errorMessage(message.id, { code: CODE.invalidParams, message: fault }));
  }
}
