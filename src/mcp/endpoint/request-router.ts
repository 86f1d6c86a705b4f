import { Inject, Injectable } from '@nestjs/common';
import { classifyInboundRequest, PROTOCOL_VERSION_META_KEY } from '@modelcontextprotocol/server';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';

import { WriteBacklog } from '../../http/index.js';
import type { McpHttpRequest } from '../auth/index.js';
import { Operations } from '../calls/index.js';
import { AcceptHeader, BodyReader } from '../http/index.js';
import {
  CODE,
  headerOf,
  isPlainMessage,
  isRecord,
  JsonRpcHttpError,
  STATELESS_REVISION,
} from '../protocol/index.js';
import { SessionsEndpoint } from '../sessions/index.js';
import { StatelessEndpoint } from '../stateless/index.js';
import { ScopeChecks } from './scope-checks.js';

const METHODS = 'GET, POST, DELETE';

/** Routes a request by its HTTP method and by the revision of its message, on one URL. */
@Injectable()
export class RequestRouter {
  private readonly accept = new AcceptHeader();
  @Inject(Operations) private readonly operations!: Operations;
  @Inject(ScopeChecks) private readonly scopes!: ScopeChecks;

  constructor(
    private readonly bodies: BodyReader,
    private readonly sessions: SessionsEndpoint,
    private readonly stateless: StatelessEndpoint,
    private readonly backlog: WriteBacklog,
  ) {}

  /**
   * Answers an authenticated request of any method.
   *
   * @throws {JsonRpcHttpError}
   */
  serve(request: McpHttpRequest, response: ServerResponse): Promise<void> {
    switch (request.method) {
      case 'POST':
        return this.post(request, response);
      case 'GET':
        return this.sessions.openStream(request, response);
      case 'DELETE':
        return this.sessions.end(request, response);
      default:
        throw new JsonRpcHttpError(405, CODE.serverError, 'Method not allowed.', {
          headers: { Allow: METHODS },
        });
    }
  }

  /** @throws {JsonRpcHttpError} */
  private async post(request: McpHttpRequest, response: ServerResponse): Promise<void> {
    const { headers } = request;
    this.accept.requireBoth(headers);
    const { json, release } = await this.bodies.readJson(request);
    const receivedAt = this.operations.now();
    if (receivedAt !== undefined) request.receivedAt = receivedAt;
    const account = (): void => {
      if (release) whenGone(response, release);
      this.backlog.keep(response);
    };
    try {
      if (request.auth.withheld) await this.scopes.require(request, json);
      const endpoint = isStateless(headers, json) ? this.stateless : this.sessions;
      const accepted = endpoint.post(request, response, json);
      const { answered } = accepted instanceof Promise ? await accepted : accepted;
      // Not awaited, so that this frame and the body are not retained for the duration of the call.
      void answered.then(account);
    } catch (error) {
      account();
      throw error;
    }
  }
}

/** Calls back once the response is sent or its connection closed. */
function whenGone(response: ServerResponse, listener: () => void): void {
  if (response.destroyed) listener();
  else response.once('close', listener);
}

/**
 * Whether a POST belongs to a stateless revision. Plain requests are recognised here; the SDK's classifier decides
 * the rest, so that both always agree.
 */
function isStateless(headers: IncomingHttpHeaders, body: unknown): boolean {
  const version = headerOf(headers, 'mcp-protocol-version');
  if (isPlainMessage(body)) {
    const meta = body.params?._meta;
    const isClaimed = meta !== undefined && PROTOCOL_VERSION_META_KEY in meta;
    if (!isClaimed && (version === undefined || version < STATELESS_REVISION)) return false;
    if (isClaimed && body.method !== 'initialize') return true;
  }
  // Every revision requires an object as params; initialize then names the error.
  if (isRecord(body) && body['method'] === 'initialize' && !isRecord(body['params'])) return false;
  const { kind } = classifyInboundRequest({
    httpMethod: 'POST',
    body,
    ...(version !== undefined && { protocolVersionHeader: version }),
  });
  return kind !== 'legacy';
}
