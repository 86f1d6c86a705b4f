import { Module } from '@nestjs/common';

import { GatewayModule } from '../gateway/index.js';
import { AgentsController } from './agents.controller.js';

@Module({ imports: [GatewayModule], controllers: [AgentsController] })
export class AgentsModule {}
