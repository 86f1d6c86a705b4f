import { Injectable } from '@nestjs/common';
import { isJsonContentType } from '@modelcontextprotocol/server';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';

import type { KeyedRequest } from '../auth/index.js';
import { Outbox } from '../calls/index.js';
import { Accept, BodyReader } from '../http/index.js';
import { CODE, eraOf, Refusal } from '../protocol/index.js';
import { LegacyEndpoint } from '../sessions/index.js';
import { ModernEndpoint } from '../stateless/index.js';

/** The one coding of bodies that is read: none. */
const IDENTITY = 'identity';

/** Messages of clients: tells the eras apart, and keeps account of the memory that large ones and their answers take. */
@Injectable()
export class Posts {
  private readonly accept = new Accept();

  constructor(
    private readonly bodies: BodyReader,
    private readonly legacy: LegacyEndpoint,
    private readonly modern: ModernEndpoint,
    private readonly outbox: Outbox,
  ) {}

  /** @throws {Refusal} */
  async receive(request: KeyedRequest, response: ServerResponse): Promise<void> {
    const { headers } = request;
    this.accept.requireBoth(headers);
    requirePlainJson(headers);
    const { json, release } = await this.bodies.readJson(request);
    const account = (): void => {
      if (release) whenGone(response, release);
      this.outbox.keep(response);
    };
    try {
      const endpoint = eraOf(headers, json) === 'modern' ? this.modern : this.legacy;
      const { answered } = await endpoint.post(request, response, json);
      // Not awaited: what waits here would be kept for as long as the longest call.
      void answered.then(account);
    } catch (error) {
      account();
      throw error;
    }
  }
}

/** @throws {Refusal} 415 */
function requirePlainJson(headers: IncomingHttpHeaders): void {
  const { 'content-type': type, 'content-encoding': encoding = '' } = headers;
  if (!isJsonContentType(type ?? null)) {
    const message = 'Unsupported Media Type: Content-Type must be application/json';
    throw new Refusal(415, CODE.refused, message);
  }
  if (encoding !== '' && encoding.toLowerCase() !== IDENTITY) {
    const message =
      'Unsupported Media Type: The body must not be compressed. Send it without Content-Encoding';
    throw new Refusal(415, CODE.refused, message, { headers: { 'Accept-Encoding': IDENTITY } });
  }
}

/** Calls back once nothing of an answer is left to send. */
function whenGone(response: ServerResponse, listener: () => void): void {
  if (response.destroyed) listener();
  else response.once('close', listener);
}
