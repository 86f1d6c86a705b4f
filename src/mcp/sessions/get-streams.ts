import { Injectable } from '@nestjs/common';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';

import { InFlightRequests } from '../calls/index.js';
import type { SessionRecord } from '../storage/index.js';
import { ResumedStreams } from './resumed-streams.js';
import { StandaloneStreams } from './standalone-streams.js';

/** What a client gets by GET: the standalone stream of its session, or the rest of one it has lost. */
@Injectable()
export class GetStreams {
  constructor(
    private readonly standalone: StandaloneStreams,
    private readonly resumed: ResumedStreams,
    private readonly inFlight: InFlightRequests,
  ) {}

  /** @throws {JsonRpcHttpError} */
  async open(record: SessionRecord, headers: IncomingHttpHeaders, response: ServerResponse): Promise<void> {
    const lastEventId = String(headers['last-event-id'] ?? '');
    if (lastEventId === '') {
      await this.standalone.open(record, response);
    } else {
      this.inFlight.requireCapacity(record.keyHash, null);
      await this.resumed.resume(record, lastEventId, response);
    }
  }
}
