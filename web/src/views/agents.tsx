import type { JSX } from 'preact';

import { get } from '../api/client.js';
import type { Agent } from '../api/types.js';
import { ago, useNow } from '../lib/format.js';
import { href } from '../lib/route.js';
import { useLoaded } from '../lib/use-loaded.js';
import { Empty, Facts, Labels, Loading, Problem, Time, Title } from '../parts/basics.jsx';
import { Status } from '../parts/status.jsx';

const REFRESH_MS = 3000;
const ID_SHOWN = 13;

export function AgentsView(): JSX.Element {
  const { data, error } = useLoaded(
    (signal) => get<{ agent_list: Agent[] }>('r/agents', { per_page: 100 }, signal),
    REFRESH_MS,
    [],
  );
  return (
    <>
      <Title text="Agents" />
      <Problem text={error} />
      {!data && error === undefined && <Loading />}
      {data?.agent_list.length === 0 && (
        <Empty title="No agent is connected.">
          Tasks wait until one connects: <code>cyberun-mcp agent --gateway URL</code> with an <code>ak-</code>{' '}
          key.
        </Empty>
      )}
      <ul class="grid gap-4 md:grid-cols-2 2xl:grid-cols-3">
        {data?.agent_list.map((agent) => (
          <AgentCard key={agent.agent_id} agent={agent} />
        ))}
      </ul>
    </>
  );
}

function AgentCard({ agent }: { readonly agent: Agent }): JSX.Element {
  const now = useNow(false);
  const {
    agent_id,
    agent_status = 'idle',
    running_tasks,
    task_capacity = 0,
    running_count,
    last_heartbeat,
  } = agent;
  const used = running_count ?? 0;
  return (
    <li class="panel min-w-0 p-4">
      <div class="mb-3 flex items-center justify-between gap-3">
        <h2 class="min-w-0 font-semibold break-words">{agent_id}</h2>
        <Status state={agent_status} />
      </div>
      <div class="mb-1 flex justify-between text-sm">
        <span class="muted">Slots in use</span>
        <span class="tabular-nums">
          {used} of {task_capacity}
        </span>
      </div>
      <progress
        class="progress progress-info mb-4 w-full"
        max={Math.max(1, task_capacity)}
        value={used}
        aria-label={`Slots in use on ${agent_id}`}
      />
      <Facts
        of={[
          ['Labels', <Labels of={agent.agent_labels ?? []} />],
          ['Platform', agent.platform_arch],
          ['Version', agent.agent_version],
          ['GPUs', agent.gpu_capacity || undefined],
          [
            'Done',
            agent.tasks_completed !== null &&
              agent.tasks_completed !== undefined &&
              `${agent.tasks_completed} tasks`,
          ],
          ['Heartbeat', last_heartbeat && <Time at={last_heartbeat} text={ago(last_heartbeat, now)} />],
          ['Running', running_tasks && running_tasks.length > 0 && <TaskLinks of={running_tasks} />],
        ]}
      />
    </li>
  );
}

const TaskLinks = ({ of }: { readonly of: readonly string[] }): JSX.Element => (
  <span class="flex flex-wrap gap-x-3">
    {of.map((id) => (
      <a key={id} class="link font-mono text-xs" href={href(['tasks', id])}>
        {id.slice(0, ID_SHOWN)}…
      </a>
    ))}
  </span>
);
