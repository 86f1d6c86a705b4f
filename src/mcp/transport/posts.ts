import { Injectable } from '@nestjs/common';
import { isJsonContentType } from '@modelcontextprotocol/server';
import type { ServerResponse } from 'node:http';

import type { KeyedRequest } from '../auth/keyed-request.js';
import { BodyReader } from '../edge/body-reader.js';
import { CODE, Refusal } from '../edge/refusal.js';
import { LegacyEndpoint } from '../legacy/legacy-endpoint.js';
import { requireAccept } from '../legacy/legacy-messages.js';
import { eraOf } from '../modern/eras.js';
import { ModernEndpoint } from '../modern/modern-endpoint.js';
import { Outbox } from './outbox.js';

/** Messages of clients: tells the eras apart, and keeps account of the memory that large ones and their answers take. */
@Injectable()
export class Posts {
  constructor(
    private readonly bodies: BodyReader,
    private readonly legacy: LegacyEndpoint,
    private readonly modern: ModernEndpoint,
    private readonly outbox: Outbox,
  ) {}

  /** @throws {Refusal} */
  async receive(request: KeyedRequest, response: ServerResponse): Promise<void> {
    const { headers } = request;
    if (!isJsonContentType(headers['content-type'] ?? null)) {
      requireAccept(headers, 'application/json', 'text/event-stream');
      const message = 'Unsupported Media Type: Content-Type must be application/json';
      throw new Refusal(415, CODE.refused, message);
    }
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

/** Calls back once nothing of an answer is left to send. */
function whenGone(response: ServerResponse, listener: () => void): void {
  if (response.destroyed) listener();
  else response.once('close', listener);
}
