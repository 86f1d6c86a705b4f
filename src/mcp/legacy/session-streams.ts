import { Injectable } from '@nestjs/common';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';

import { ResumedStreams } from '../resume/resumed-streams.js';
import type { SessionRecord } from './sessions.js';
import { StandaloneStreams } from './standalone-streams.js';

/** What a client gets by GET: the standalone stream of its session, or the rest of one it has lost. */
@Injectable()
export class SessionStreams {
  constructor(
    private readonly standalone: StandaloneStreams,
    private readonly resumed: ResumedStreams,
  ) {}

  /** @throws {Refusal} */
  async open(record: SessionRecord, headers: IncomingHttpHeaders, response: ServerResponse): Promise<void> {
    const lastEventId = String(headers['last-event-id'] ?? '');
    if (lastEventId === '') await this.standalone.open(record, response);
    else await this.resumed.resume(record, lastEventId, response);
  }
}
