import { Inject, Injectable } from '@nestjs/common';
import type { InitializeRequest, RequestId } from '@modelcontextprotocol/server';
import type { ServerResponse } from 'node:http';

import { CONFIG, type Config } from '../../config/index.js';
import { Reply } from '../calls/index.js';
import {
  answersQuestions,
  CODE,
  invalidParams,
  isRequestId,
  jsonOf,
  negotiated,
  Refusal,
  resultMessage,
  SERVER_INFO,
  type ServerInfo,
} from '../protocol/index.js';
import { Sessions } from '../storage/index.js';
import { SdkServers } from '../tools/index.js';
import { messagesIn, SESSION_ID } from './legacy-messages.js';

/** A session keeps what its client says of itself for as long as it lives. */
const LONGEST_HELLO = 16_384;
/** When a key that has enough sessions may try again: idle ones end all the time. */
const RETRY_SECONDS = '60';

/** Answers initialize, and opens a session with it. */
@Injectable()
export class Handshake {
  constructor(
    private readonly sessions: Sessions,
    private readonly servers: SdkServers,
    @Inject(SERVER_INFO) private readonly info: ServerInfo,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** @throws {Refusal} when initialize is malformed, says more than is kept, or the key has enough sessions. */
  async answer(keyHash: string, body: Record<string, unknown>, response: ServerResponse): Promise<void> {
    const { id, params } = openingIn(body);
    const hello = jsonOf(params);
    if (hello === undefined || hello.length > LONGEST_HELLO) {
      const message = `Invalid Request: The params of initialize must not exceed ${LONGEST_HELLO} characters`;
      throw new Refusal(400, CODE.invalidRequest, message, { bound: 'hello_size' });
    }
    const protocolVersion = negotiated(params.protocolVersion);
    const canBeAsked = answersQuestions(params);
    const session = await this.sessions.open({ keyHash, protocolVersion, hello, canBeAsked });
    if (!session) throw this.enough(id);
    const reply = new Reply(response, { headers: { [SESSION_ID]: session.id } });
    reply.answer(resultMessage(id, this.greeting(protocolVersion)));
  }

  private enough(id: RequestId): Refusal {
    const { mcpSessionsPerKey, mcpSessionIdleSeconds } = this.config;
    const message = `Too Many Requests: This key has ${mcpSessionsPerKey} open sessions. End those you do not need with DELETE, or wait: each ends after ${mcpSessionIdleSeconds} seconds without a request or an open stream.`;
    const headers = { 'Retry-After': RETRY_SECONDS };
    return new Refusal(429, CODE.refused, message, { id, headers, bound: 'sessions_per_key' });
  }

  private greeting(protocolVersion: string): string {
    const { implementation: serverInfo, instructions } = this.info;
    const { capabilities } = this.servers;
    return JSON.stringify({ protocolVersion, capabilities, serverInfo, instructions });
  }
}

/** @throws {Refusal} 400 that names what is missing or wrong. */
function openingIn(body: Record<string, unknown>): Pick<InitializeRequest, 'params'> & { id: RequestId } {
  const { id, params } = body;
  if (!isRequestId(id)) {
    const message = 'Invalid Request: initialize must have an id that is a string or an integer';
    throw new Refusal(400, CODE.invalidRequest, message);
  }
  const fault = invalidParams({ method: 'initialize', params }, {});
  if (fault !== undefined) throw new Refusal(400, CODE.invalidParams, fault, { id });
  messagesIn(body);
  return { id, params: params as InitializeRequest['params'] };
}
