import { Inject, Injectable } from '@nestjs/common';
import type { InitializeRequest, RequestId } from '@modelcontextprotocol/server';
import type { ServerResponse } from 'node:http';

import { CONFIG, type Config } from '../../config/index.js';
import { Reply } from '../calls/index.js';
import {
  canAnswerRequests,
  CODE,
  invalidParams,
  isRequestId,
  jsonOf,
  JsonRpcHttpError,
  negotiated,
  resultMessage,
  SERVER_INFO,
  type ServerInfo,
} from '../protocol/index.js';
import { SessionStore } from '../storage/index.js';
import { SdkServers } from '../tools/index.js';
import { messagesIn, SESSION_ID } from './session-messages.js';

/** The params of initialize are stored as long as the session. */
const LONGEST_INITIALIZE_PARAMS = 16_384;
/** Retry time for a key at its session limit; idle sessions expire continuously. */
const RETRY_SECONDS = '60';

/** Answers initialize and opens a session. */
@Injectable()
export class InitializeRequests {
  constructor(
    private readonly sessions: SessionStore,
    private readonly servers: SdkServers,
    @Inject(SERVER_INFO) private readonly info: ServerInfo,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** @throws {JsonRpcHttpError} when initialize is malformed or too large, or the key is at its session limit. */
  async answer(keyHash: string, body: Record<string, unknown>, response: ServerResponse): Promise<void> {
    const { id, params } = openingIn(body);
    const initializeParams = jsonOf(params);
    if (initializeParams === undefined || initializeParams.length > LONGEST_INITIALIZE_PARAMS) {
      const message = `Invalid Request: The params of initialize must not exceed ${LONGEST_INITIALIZE_PARAMS} characters`;
      throw new JsonRpcHttpError(400, CODE.invalidRequest, message, { limit: 'hello_size' });
    }
    const protocolVersion = negotiated(params.protocolVersion);
    const supportsServerRequests = canAnswerRequests(params);
    const session = await this.sessions.open({
      keyHash,
      protocolVersion,
      initializeParams,
      supportsServerRequests,
    });
    if (!session) throw this.enough(id);
    const reply = new Reply(response, { headers: { [SESSION_ID]: session.id } });
    reply.answer(resultMessage(id, this.initializeResult(protocolVersion)));
  }

  private enough(id: RequestId): JsonRpcHttpError {
    const { mcpSessionsPerKey, mcpSessionIdleSeconds } = this.config;
    const message = `Too Many Requests: This key has ${mcpSessionsPerKey} open sessions. End those you do not need with DELETE, or wait: each ends after ${mcpSessionIdleSeconds} seconds without a request or an open stream.`;
    const headers = { 'Retry-After': RETRY_SECONDS };
    return new JsonRpcHttpError(429, CODE.serverError, message, { id, headers, limit: 'sessions_per_key' });
  }

  private initializeResult(protocolVersion: string): string {
    const { implementation: serverInfo, instructions } = this.info;
    const { capabilities } = this.servers;
    return JSON.stringify({ protocolVersion, capabilities, serverInfo, instructions });
  }
}

/** @throws {JsonRpcHttpError} 400 that names what is missing or wrong. */
function openingIn(body: Record<string, unknown>): Pick<InitializeRequest, 'params'> & { id: RequestId } {
  const { id, params } = body;
  if (!isRequestId(id)) {
    const message = 'Invalid Request: initialize must have an id that is a string or an integer';
    throw new JsonRpcHttpError(400, CODE.invalidRequest, message);
  }
  const fault = invalidParams({ method: 'initialize', params }, {});
  if (fault !== undefined) throw new JsonRpcHttpError(400, CODE.invalidParams, fault, { id });
  messagesIn(body);
  return { id, params: params as InitializeRequest['params'] };
}
