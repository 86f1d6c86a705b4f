import { Controller, Get, Query, UseGuards, UsePipes } from '@nestjs/common';

import type { Agent, AgentList } from '../../contract/index.js';
import { type Credential, CurrentCredential, IntegrationKeyGuard } from '../credentials/index.js';
import { PageQueryDto, RestValidationPipe } from '../rest/index.js';
import { AgentRegistry } from './agent-registry.js';
import type { ConnectedAgent } from './connected-agent.js';

/** The connected agents. */
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

/** A connected agent in the API. */
function agentView(agent: ConnectedAgent): Agent {
  const { hello, runs } = agent;
  const running = [...runs.keys()];
  return {
    agent_id: hello.agent_id,
    agent_status: running.length < hello.slots ? 'idle' : 'busy',
    agent_labels: hello.labels,
    last_heartbeat: agent.lastHeartbeat.toISOString(),
    agent_version: hello.version,
    tool: 'process',
    gpu_capacity: 0,
    task_capacity: hello.slots,
    running_count: running.length,
    running_tasks: running,
    ...(running[0] !== undefined && { current_task_id: running[0] }),
    platform_arch: hello.platform,
    connected_at: agent.connectedAt.toISOString(),
    tasks_completed: agent.tasksCompleted,
  };
}
