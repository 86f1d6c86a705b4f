import { Module } from '@nestjs/common';

import { GatewayModule } from '../gateway/index.js';
import { LocalAgent } from './local-agent.js';

@Module({ imports: [GatewayModule], providers: [LocalAgent], exports: [LocalAgent] })
export class LocalAgentModule {}
