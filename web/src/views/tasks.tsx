import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { get } from '../api/client.js';
import { isEnded, type PageMeta, type Task, type Workflow } from '../api/types.js';
import { ago, duration, useNow } from '../lib/format.js';
import { changeQuery, href, type Route } from '../lib/route.js';
import { useLoaded } from '../lib/use-loaded.js';
import { Empty, Loading, Problem, Time, Title } from '../parts/basics.jsx';
import { Status } from '../parts/status.jsx';

const STATES = ['pending', 'waiting', 'queued', 'running', 'completed', 'failed', 'cancelled'] as const;
const REFRESH_MS = 2000;
const PER_PAGE = 20;
const PERIODS = [
  ['', 'Any time'],
  ['1', 'Last hour'],
  ['24', 'Last day'],
  ['168', 'Last week'],
] as const;
const HOUR_MS = 3_600_000;

interface TaskPage {
  readonly task_list: readonly Task[];
  readonly page_meta: PageMeta;
}

/** The tasks of the team, newest first; the list follows what happens. */
export function TasksView({ route }: { readonly route: Route }): JSX.Element {
  const [page, setPage] = useState(1);
  const filter = Object.fromEntries(route.query);
  const change = (name: string, value: string): void => {
    const { [name]: _before, ...others } = filter;
    setPage(1);
    changeQuery(route, value === '' ? others : { ...others, [name]: value });
  };
  const { data, error } = useLoaded(
    (signal) => get<TaskPage>('r/tasks', queryOf(filter, page), signal),
    REFRESH_MS,
    [page, route.query.toString()],
  );
  return (
    <>
      <Title text="Tasks">
        <a class="btn btn-primary btn-sm" href={href(['workflows'])}>
          Run a workflow
        </a>
      </Title>
      <Filters filter={filter} onChange={change} />
      <Problem text={error} />
      {data ? (
        <TaskList tasks={data.task_list} isFiltered={route.query.size > 0} />
      ) : (
        error === undefined && <Loading />
      )}
      {data && <Pages meta={data.page_meta} page={page} onChange={setPage} />}
    </>
  );
}

type Filter = Readonly<Record<string, string>>;

function queryOf(
  { status, workflow, hours }: Filter,
  page: number,
): Record<string, string | number | undefined> {
  const since =
    hours === undefined ? undefined : new Date(Date.now() - Number(hours) * HOUR_MS).toISOString();
  return { status, workflow_slug: workflow, created_after: since, current_page: page, per_page: PER_PAGE };
}

interface FiltersProps {
  readonly filter: Filter;
  readonly onChange: (name: string, value: string) => void;
}

function Filters({ filter, onChange }: FiltersProps): JSX.Element {
  const chosen = new Set(filter['status']?.split(',') ?? []);
  const toggle = (state: string): void => {
    const wanted = STATES.filter((one) => chosen.has(one) !== (one === state));
    onChange('status', wanted.join(','));
  };
  const workflows = useLoaded(
    () => get<{ workflow_list: Workflow[] }>('r/workflows', { per_page: 100 }),
    0,
    [],
  );
  return (
    <div class="mb-4 flex flex-wrap items-center gap-2">
      <fieldset class="flex flex-wrap gap-1.5">
        <legend class="sr-only">States</legend>
        {STATES.map((state) => (
          <button
            key={state}
            type="button"
            aria-pressed={chosen.has(state)}
            class={`btn btn-sm ${chosen.has(state) ? 'btn-primary' : 'btn-outline border-base-300 font-normal'}`}
            onClick={() => toggle(state)}
          >
            {state}
          </button>
        ))}
      </fieldset>
      <select
        aria-label="Workflow"
        class="select select-sm w-44"
        value={filter['workflow'] ?? ''}
        onChange={({ currentTarget }) => onChange('workflow', currentTarget.value)}
      >
        <option value="">All workflows</option>
        {workflows.data?.workflow_list.map(({ workflow_slug = '' }) => (
          <option key={workflow_slug} value={workflow_slug}>
            {workflow_slug}
          </option>
        ))}
      </select>
      <select
        aria-label="Submitted"
        class="select select-sm w-32"
        value={filter['hours'] ?? ''}
        onChange={({ currentTarget }) => onChange('hours', currentTarget.value)}
      >
        {PERIODS.map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </div>
  );
}

function TaskList({
  tasks,
  isFiltered,
}: {
  readonly tasks: readonly Task[];
  readonly isFiltered: boolean;
}): JSX.Element {
  const now = useNow(tasks.some(({ task_status }) => !isEnded(task_status)));
  if (tasks.length === 0)
    return isFiltered ? (
      <Empty title="No task fits these filters." />
    ) : (
      <Empty title="There are no tasks yet.">
        Run a workflow, here or through an AI agent, and it appears at once.
      </Empty>
    );
  return (
    <ul class="panel divide-base-300 divide-y" aria-label="Tasks">
      {tasks.map((task) => (
        <TaskRow key={task.id} task={task} now={now} />
      ))}
    </ul>
  );
}

function TaskRow({ task, now }: { readonly task: Task; readonly now: number }): JSX.Element {
  const {
    id,
    workflow_slug,
    task_status,
    created_at = '',
    started_at,
    completed_at,
    agent_id,
    progress,
  } = task;
  const share = task_status === 'running' ? progress?.progress : undefined;
  const took = started_at
    ? (completed_at ? Date.parse(completed_at) : now) - Date.parse(started_at)
    : undefined;
  const reason = isEnded(task_status) ? undefined : (task.status_reason ?? progress?.message);
  return (
    <li>
      <a
        href={href(['tasks', id])}
        class="hover:bg-base-200/70 flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-3"
      >
        <span class="w-28 shrink-0">
          <Status state={task_status} />
        </span>
        <span class="min-w-0 flex-1 basis-40">
          <span class="block truncate font-medium">{workflow_slug}</span>
          <span class="muted block truncate text-xs">{reason ?? <span class="font-mono">{id}</span>}</span>
        </span>
        {share !== undefined && (
          <progress
            class="progress progress-info w-28"
            max={1}
            value={share}
            aria-label={`Progress of ${workflow_slug}`}
          />
        )}
        <span class="muted flex gap-4 text-sm sm:w-72 sm:justify-end">
          {agent_id && <span class="max-w-32 truncate">{agent_id}</span>}
          {took !== undefined && <span class="tabular-nums">{duration(took)}</span>}
          <Time at={created_at} text={ago(created_at, now)} />
        </span>
      </a>
    </li>
  );
}

interface PagesProps {
  readonly meta: PageMeta;
  readonly page: number;
  readonly onChange: (page: number) => void;
}

function Pages({ meta, page, onChange }: PagesProps): JSX.Element | null {
  const last = Math.max(1, Math.ceil(meta.total_count / meta.per_page));
  if (last === 1) return null;
  return (
    <nav class="mt-4 flex items-center justify-between text-sm" aria-label="Pages">
      <button type="button" class="btn btn-sm" disabled={page <= 1} onClick={() => onChange(page - 1)}>
        Newer
      </button>
      <span class="muted">
        Page {page} of {last} · {meta.total_count} tasks
      </span>
      <button type="button" class="btn btn-sm" disabled={page >= last} onClick={() => onChange(page + 1)}>
        Older
      </button>
    </nav>
  );
}
