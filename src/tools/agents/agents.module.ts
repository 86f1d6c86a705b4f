import { Module } from '@nestjs/common';

import { UpstreamModule } from '../../upstream/index.js';
import { AgentsService } from './agents.service.js';
import { AgentsTools } from './agents.tools.js';

@Module({ imports: [UpstreamModule], controllers: [AgentsTools], providers: [AgentsService] })
export class AgentsModule {}
