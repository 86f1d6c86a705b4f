import { Injectable } from '@nestjs/common';
import { isJsonContentType } from '@modelcontextprotocol/server';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';

import type { McpHttpRequest } from '../auth/index.js';
import { WriteBacklog } from '../calls/index.js';
import { AcceptHeader, BodyReader } from '../http/index.js';
import { CODE, JsonRpcHttpError, revisionFamilyOf } from '../protocol/index.js';
import { SessionsEndpoint } from '../sessions/index.js';
import { StatelessEndpoint } from '../stateless/index.js';

const METHODS = 'GET, POST, DELETE';
/** The only accepted Content-Encoding: none. */
const IDENTITY = 'identity';

/** Routes a request by its HTTP method and by the revision of its message, on one URL. */
@Injectable()
export class RequestRouter {
  private readonly accept = new AcceptHeader();

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
  async serve(request: McpHttpRequest, response: ServerResponse): Promise<void> {
    switch (request.method) {
      case 'POST':
        return await this.post(request, response);
      case 'GET':
        return await this.sessions.openStream(request, response);
      case 'DELETE':
        return await this.sessions.end(request, response);
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
    requirePlainJson(headers);
    const { json, release } = await this.bodies.readJson(request);
    const account = (): void => {
      if (release) whenGone(response, release);
      this.backlog.keep(response);
    };
    try {
      const endpoint = revisionFamilyOf(headers, json) === 'stateless' ? this.stateless : this.sessions;
      const { answered } = await endpoint.post(request, response, json);
      // Not awaited, so that this frame and the body are not retained for the duration of the call.
      void answered.then(account);
    } catch (error) {
      account();
      throw error;
    }
  }
}

/** @throws {JsonRpcHttpError} 415 */
function requirePlainJson(headers: IncomingHttpHeaders): void {
  const { 'content-type': type, 'content-encoding': encoding = '' } = headers;
  if (!isJsonContentType(type ?? null)) {
    const message = 'Unsupported Media Type: Content-Type must be application/json';
    throw new JsonRpcHttpError(415, CODE.serverError, message);
  }
  if (encoding !== '' && encoding.toLowerCase() !== IDENTITY) {
    const message =
      'Unsupported Media Type: The body must not be compressed. Send it without Content-Encoding';
    throw new JsonRpcHttpError(415, CODE.serverError, message, { headers: { 'Accept-Encoding': IDENTITY } });
  }
}

/** Calls back once the response is sent or its connection closed. */
function whenGone(response: ServerResponse, listener: () => void): void {
  if (response.destroyed) listener();
  else response.once('close', listener);
}
