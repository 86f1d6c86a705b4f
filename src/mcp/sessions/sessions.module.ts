import { Module } from '@nestjs/common';

import { CallsModule } from '../calls/index.js';
import { StorageModule } from '../storage/index.js';
import { ToolCallsModule } from '../tools/index.js';
import { Handshake } from './handshake.js';
import { KeptStreams } from './kept-streams.js';
import { LastWords } from './last-words.js';
import { LegacyCalls } from './legacy-calls.js';
import { LegacyEndpoint } from './legacy-endpoint.js';
import { LegacyExchanges } from './legacy-exchanges.js';
import { LegacyNotices } from './legacy-notices.js';
import { LegacyRequests } from './legacy-requests.js';
import { LiveSessions } from './live-sessions.js';
import { ResumedStreams } from './resumed-streams.js';
import { SessionStreams } from './session-streams.js';
import { StandaloneStreams } from './standalone-streams.js';

/** The revisions with sessions: 2025-11-25 and before. */
@Module({
  imports: [CallsModule, StorageModule, ToolCallsModule],
  providers: [
    Handshake,
    KeptStreams,
    LastWords,
    LegacyCalls,
    LegacyEndpoint,
    LegacyExchanges,
    LegacyNotices,
    LegacyRequests,
    LiveSessions,
    ResumedStreams,
    SessionStreams,
    StandaloneStreams,
  ],
  exports: [LegacyEndpoint, LiveSessions],
})
export class SessionsModule {}
