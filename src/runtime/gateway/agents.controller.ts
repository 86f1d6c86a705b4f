import { Controller, Get, Query, UseGuards, UsePipes } from '@nestjs/common';

import type { AgentList } from '../../contract/index.js';
import { type Credential, CurrentCredential, IntegrationKeyGuard } from '../credentials/index.js';
import { PageQueryDto, RestValidationPipe } from '../rest/index.js';
import { AgentDirectory } from './agent-directory.js';

@Controller('r/agents')
@UseGuards(IntegrationKeyGuard)
@UsePipes(RestValidationPipe)
export class AgentsController {
  constructor(private readonly agents: AgentDirectory) {}

  @Get()
  list(@CurrentCredential() { teamId }: Credential, @Query() page: PageQueryDto): Promise<AgentList> {
    return this.agents.list(teamId, page);
  }
}
