import { z } from 'zod';

import { listOf } from './common.js';

/** A connected agent; most fields depend on the deployment. */
export const agent = z.looseObject({
  agent_id: z.string(),
  agent_status: z.string().optional(),
  agent_labels: z.array(z.string()).nullish(),
  last_heartbeat: z.string().nullish(),
  agent_version: z.string().nullish(),
  tool: z.string().nullish(),
  gpu_capacity: z.number().nullish(),
  running_count: z.number().nullish(),
  running_tasks: z.array(z.string()).nullish(),
  platform_arch: z.string().nullish(),
  connected_at: z.string().nullish(),
  tasks_completed: z.number().nullish(),
});
export type Agent = z.infer<typeof agent>;

export const agentList = listOf('agent_list', agent);
export type AgentList = z.infer<typeof agentList>;
