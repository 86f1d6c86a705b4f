import { Ctx } from '@nestjs/microservices';
import { McpController, Tool } from '@rekog/mcp-nest';

import type { Agent } from '../../contract/index.js';
import { advertised, ToolContext, ToolInput } from '../../mcp/index.js';
import { briefTime, inFormat } from '../concise.js';
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
      'List the connected agents (the machines that run tasks), each with status, labels and load. Use it to see why a task waits: it needs a connected agent with all required_labels of its workflow. Agents cannot be started or changed with these tools.',
    parameters: advertised(listAgentsInput),
    outputSchema: advertised(listAgentsOutput),
    annotations: { title: 'List agents', ...READS },
  })
  async listAgents(
    @ToolInput(listAgentsInput) { response_format, ...page }: ListAgentsInput,
    @Ctx() { caller }: ToolContext,
  ): Promise<object> {
    const list = await this.agents.list(caller, page);
    return inFormat(list, response_format, { key: 'agent_list', concise: conciseAgent });
  }
}

/** An agent in a list: what can run there, and how busy it is. */
const conciseAgent = (agent: Agent): Readonly<Record<string, unknown>> => ({
  agent_id: agent.agent_id,
  agent_status: agent.agent_status,
  agent_labels: agent.agent_labels,
  running_count: agent.running_count,
  task_capacity: agent['task_capacity'],
  last_heartbeat: briefTime(agent.last_heartbeat),
});
