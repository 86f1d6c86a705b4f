import { Module } from '@nestjs/common';

import { CallsModule } from '../calls/index.js';
import { StorageModule } from '../storage/index.js';
import { ToolCallsModule } from '../tools/index.js';
import { EventRecorder } from './event-recorder.js';
import { GetStreams } from './get-streams.js';
import { InitializeRequests } from './initialize-requests.js';
import { LiveSessions } from './live-sessions.js';
import { MessageDispatcher } from './message-dispatcher.js';
import { RequestDispatcher } from './request-dispatcher.js';
import { SessionsEndpoint } from './sessions-endpoint.js';
import { StandaloneStreams } from './standalone-streams.js';

/** The revisions with sessions: 2025-11-25 and before. */
@Module({
  imports: [CallsModule, StorageModule, ToolCallsModule],
  providers: [
    InitializeRequests,
    EventRecorder,
    SessionsEndpoint,
    MessageDispatcher,
    RequestDispatcher,
    LiveSessions,
    GetStreams,
    StandaloneStreams,
  ],
  exports: [SessionsEndpoint, LiveSessions],
})
export class SessionsModule {}
