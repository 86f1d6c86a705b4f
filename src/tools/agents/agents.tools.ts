import { Ctx } from '@nestjs/microservices';
import { McpController, Tool } from '@rekog/mcp-nest';

import type { AgentList } from '../../contract/index.js';
import { advertised, ToolContext, ToolInput } from '../../mcp/index.js';
import { READS } from '../tool-definition.js';
import { type ListAgentsInput, listAgentsInput, listAgentsOutput } from './agents.schemas.js';
import { AgentsService } from './agents.service.js';

/** What an agent can learn about the machines that run its tasks. */
@McpController()
export class AgentsTools {
  constructor(private readonly agents: AgentsService) {}

  @Tool({
    name: 'list_agents',
    description:
      'List the connected agents (machines that run tasks) with their status, labels and load. A task stays waiting while no connected agent has all required_labels of its workflow.',
    parameters: advertised(listAgentsInput),
    outputSchema: advertised(listAgentsOutput),
    annotations: { title: 'List agents', ...READS },
  })
  listAgents(
    @ToolInput(listAgentsInput) page: ListAgentsInput,
    @Ctx() { caller }: ToolContext,
  ): Promise<AgentList> {
    return this.agents.list(caller, page);
  }
}
