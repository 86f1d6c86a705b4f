import {
  agentList,
  type ContainerService,
  containerServiceList,
  taskList,
  workflowList,
} from '../../contract/index.js';
import { ApiClient, permissionsIn } from './api-client.js';
import { printFields, printJson, type PrintOptions } from './printing.js';

const ONE = { per_page: 1 };

/** `status`: whether the server answers, what the key may do, and how much there is. */
export async function statusCommand({ json: isJson }: PrintOptions): Promise<void> {
  const api = await ApiClient.open();
  const startedAt = performance.now();
  const { data: workflows, headers } = await api.send({ path: ['r', 'workflows'], query: ONE }, workflowList);
  const ms = Math.round(performance.now() - startedAt);
  const permissions = permissionsIn(headers);
  const [running, waiting, agents, services] = await Promise.all([
    countOfTasks(api, ['running']),
    countOfTasks(api, ['pending', 'waiting', 'queued']),
    api.get(['r', 'agents'], agentList, ONE),
    api.get(['r', 'containers'], containerServiceList, { per_page: 100 }),
  ]);
  const counts = {
    workflow_count: workflows.page_meta?.total_count,
    agent_count: agents.page_meta?.total_count ?? agents.agent_list.length,
    running_task_count: running,
    waiting_task_count: waiting,
    service_count: services.page_meta?.total_count ?? services.service_list.length,
    running_service_count: services.service_list.filter(isRunning).length,
  };
  if (isJson)
    return printJson({
      url: api.server.url,
      answer_ms: ms,
      key_from: api.server.keyFrom,
      permissions,
      ...counts,
    });
  printFields({
    Server: `${api.server.url} (answers in ${ms} ms)`,
    Key: `from ${api.server.keyFrom}${permissions ? `; may ${['read', ...permissions].join(', ')}` : ''}`,
    Workflows: counts.workflow_count,
    Agents: `${counts.agent_count} connected`,
    Tasks: `${running} running, ${waiting} waiting`,
    Services: `${counts.running_service_count} of ${counts.service_count} running`,
  });
}

const isRunning = ({ service_status }: ContainerService): boolean => service_status === 'running';

/** One state each time: not every runtime takes several. */
async function countOfTasks(api: ApiClient, states: readonly string[]): Promise<number> {
  const pages = await Promise.all(
    states.map((status) => api.get(['r', 'tasks'], taskList, { ...ONE, status })),
  );
  return pages.reduce(
    (sum, { page_meta, task_list }) => sum + (page_meta?.total_count ?? task_list.length),
    0,
  );
}
