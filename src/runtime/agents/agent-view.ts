import type { Agent } from '../../contract/index.js';
import type { ConnectedAgent } from '../gateway/index.js';

/** A connected agent as the API shows it. */
export function agentView(agent: ConnectedAgent): Agent {
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
