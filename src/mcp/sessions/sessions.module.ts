import { Module } from '@nestjs/common';

import { RateLimitsModule } from '../../http/index.js';
import { CallsModule } from '../calls/index.js';
import { ResourcesModule } from '../resources/index.js';
import { StorageModule } from '../storage/index.js';
import { ToolCallsModule } from '../tools/index.js';
import { EventRecorder } from './event-recorder.js';
import { GetStreams, StandaloneStreams } from './get-streams.js';
import { LiveSessions } from './live-sessions.js';
import { MessageDispatcher } from './message-dispatcher.js';
import { RequestDispatcher } from './request-dispatcher.js';
import { InitializeRequests, SessionsEndpoint } from './sessions-endpoint.js';

/** The revisions with sessions: 2025-11-25 and before. */
@Module({
  imports: [CallsModule, RateLimitsModule, ResourcesModule, StorageModule, ToolCallsModule],
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
