import { Controller, Get, Query, UseGuards, UsePipes } from '@nestjs/common';

import type { AgentList } from '../../contract/index.js';
import { type Credential, CurrentCredential, IntegrationKeyGuard } from '../credentials/index.js';
import { AgentRegistry } from '../gateway/index.js';
import { PageQueryDto, RestValidationPipe } from '../rest/index.js';
import { agentView } from './agent-view.js';

/** The agents that are connected now. */
@Controller('r/agents')
@UseGuards(IntegrationKeyGuard)
@UsePipes(RestValidationPipe)
export class AgentsController {
  constructor(private readonly agents: AgentRegistry) {}

  @Get()
  list(
    @CurrentCredential() { teamId }: Credential,
    @Query() { current_page, per_page }: PageQueryDto,
  ): AgentList {
    const all = this.agents.list(teamId);
    const first = (current_page - 1) * per_page;
    return {
      agent_list: all.slice(first, first + per_page).map(agentView),
      page_meta: { current_page, per_page, total_count: all.length },
    };
  }
}
