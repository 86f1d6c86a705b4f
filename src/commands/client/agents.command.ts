import { type Agent, agentList } from '../../contract/index.js';
import { ApiClient } from './api-client.js';
import { CommandError } from './command-error.js';
import { listed, type ListOptions } from './listing.js';
import { note, printFields, printJson, type PrintOptions, printTable, timeText } from './printing.js';
import { suggestion } from './suggestion.js';

/** `agents list`. */
export async function listAgents(options: ListOptions): Promise<void> {
  const { items, total } = await agents(await ApiClient.open(), options);
  if (options.json) return printJson({ agent_list: items, total_count: total });
  if (items.length === 0)
    return note('No agent is connected. Start one with: cyberun-mcp agent --gateway URL');
  printTable(
    ['ID', 'STATUS', 'SLOTS', 'LABELS', 'PLATFORM', 'VERSION', 'CONNECTED'],
    items.map((each) => [
      each.agent_id,
      each.agent_status,
      slotsText(each),
      each.agent_labels?.join(','),
      each.platform_arch,
      each.agent_version,
      timeText(each.connected_at),
    ]),
  );
}

const agents = (api: ApiClient, options: ListOptions) =>
  listed(api, { path: ['r', 'agents'] }, { answer: agentList, itemsOf: (body) => body.agent_list }, options);

const ALL = { limit: '10000', json: true } as const;

function slotsText(each: Agent): string | undefined {
  const { running_count, task_capacity } = each;
  if (typeof running_count !== 'number') return undefined;
  return typeof task_capacity === 'number' ? `${running_count}/${task_capacity}` : String(running_count);
}

/** `agents show ID`. */
export async function showAgent(id: string, { json: isJson }: PrintOptions): Promise<void> {
  const { items } = await agents(await ApiClient.open(), ALL);
  const found = items.find(({ agent_id }) => agent_id === id);
  if (!found)
    throw new CommandError(
      `No agent ${id} is connected. ${suggestion(
        id,
        items.map(({ agent_id }) => agent_id),
        'connected agents',
      )}`,
    );
  if (isJson) return printJson(found);
  printFields({
    Agent: found.agent_id,
    Status: found.agent_status,
    Slots: slotsText(found),
    Labels: found.agent_labels?.join(', '),
    Platform: found.platform_arch,
    Version: found.agent_version,
    Connected: timeText(found.connected_at),
    'Last sign': timeText(found.last_heartbeat),
    Completed: found.tasks_completed,
    Tasks: found.running_tasks?.join('\n'),
  });
}
