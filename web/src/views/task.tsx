import { Ban, RotateCcw } from 'lucide-preact';
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import { follow } from '../api/events.js';
import { get, post } from '../api/client.js';
import { isEnded, type Task, type TaskEvent, type TaskProgress } from '../api/types.js';
import { fullTime } from '../lib/format.js';
import { href } from '../lib/route.js';
import { textOf, useLoaded } from '../lib/use-loaded.js';
import { CopyButton, Facts, Labels, Loading, Note, Problem, Section, Title } from '../parts/basics.jsx';
import { JsonTree } from '../parts/json-tree.jsx';
import { Status } from '../parts/status.jsx';
import { Outputs } from './outputs.jsx';
import { TaskLog } from './task-log.jsx';
import { TimeLine } from './time-line.jsx';

const REFRESH_MS = 4000;

/** One task, as it goes. */
export function TaskView({ id, mayRun }: { readonly id: string; readonly mayRun: boolean }): JSX.Element {
  const { events, last, isOver, problem } = useTaskEvents(id);
  const {
    data: task,
    error,
    reload,
  } = useLoaded((signal) => get<Task>(`r/tasks/${id}`, {}, signal), isOver ? 0 : REFRESH_MS, [
    id,
    isOver,
    events.length,
  ]);
  if (!task) return error === undefined ? <Loading /> : <Problem text={error} />;
  const hasEnded = isEnded(task.task_status);
  return (
    <>
      <Title text={task.workflow_slug ?? 'Task'}>
        <Status state={task.task_status} />
        <Actions task={task} mayRun={mayRun} onChanged={reload} />
      </Title>
      <Problem text={problem ?? error} />
      {task.task_error && <Problem text={task.task_error} />}
      {!hasEnded && task.status_reason && <Note>{task.status_reason}</Note>}
      {task.task_status === 'running' && <Progress of={last ?? task.progress ?? undefined} />}
      <div class="grid gap-4 xl:grid-cols-[minmax(0,1fr)_22rem]">
        <div class="flex min-w-0 flex-col gap-4">
          {task.task_status === 'completed' && <Outputs taskId={id} />}
          <TaskLog taskId={id} isOver={hasEnded} />
        </div>
        <div class="flex min-w-0 flex-col gap-4">
          <Section title="Time line">
            <TimeLine task={task} events={events} />
          </Section>
          <Section title="Parameters">
            <JsonTree value={task.parameters ?? {}} />
          </Section>
          <Section title="Details" action={<CopyButton text={id} label="Copy id" />}>
            <Details task={task} />
          </Section>
        </div>
      </div>
    </>
  );
}

interface Followed {
  readonly events: readonly TaskEvent[];
  readonly last: TaskProgress | undefined;
  readonly isOver: boolean;
  readonly problem: string | undefined;
}

/** The states of a task and its latest progress, as the runtime tells them. */
function useTaskEvents(id: string): Followed {
  const [events, setEvents] = useState<readonly TaskEvent[]>([]);
  const [last, setLast] = useState<TaskProgress>();
  const [isOver, setOver] = useState(false);
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    const ending = new AbortController();
    follow(`r/tasks/${id}/events`, {
      signal: ending.signal,
      isLast: ({ name }) => isEnded(name),
      onEvent: ({ name, data }) => {
        if (name === 'progress') setLast(data as TaskProgress);
        else {
          setLast(undefined);
          setEvents((before) => [...before, data as TaskEvent]);
        }
        if (isEnded(name)) setOver(true);
      },
    }).catch((error: unknown) => {
      if (!ending.signal.aborted) setProblem(textOf(error));
    });
    return () => ending.abort();
  }, [id]);
  return { events, last, isOver, problem };
}

interface ActionsProps {
  readonly task: Task;
  readonly mayRun: boolean;
  readonly onChanged: () => void;
}

function Actions({ task, mayRun, onChanged }: ActionsProps): JSX.Element | null {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const cancel = async (): Promise<void> => {
    setBusy(true);
    try {
      await post(`r/tasks/${task.id}/cancel`);
      onChanged();
    } catch (error) {
      setProblem(textOf(error));
    }
    setBusy(false);
  };
  if (!mayRun) return null;
  return (
    <>
      {problem !== undefined && (
        <span role="alert" class="text-error text-sm">
          {problem}
        </span>
      )}
      {!isEnded(task.task_status) && (
        <button
          type="button"
          class="btn btn-sm btn-outline btn-error"
          disabled={isBusy}
          onClick={() => void cancel()}
        >
          <Ban size={15} aria-hidden="true" />
          Cancel
        </button>
      )}
      <a class="btn btn-sm" href={href(['workflows', task.workflow_slug ?? ''], { from: task.id })}>
        <RotateCcw size={15} aria-hidden="true" />
        Run again
      </a>
    </>
  );
}

function Progress({ of }: { readonly of: TaskProgress | undefined }): JSX.Element {
  const { progress, step_current, step_total, message } = of ?? {};
  const steps = step_total ? `step ${step_current} of ${step_total}` : undefined;
  const share = progress === undefined ? undefined : `${Math.round(progress * 100)} %`;
  return (
    <div class="panel mb-4 p-4">
      <div class="mb-2 flex flex-wrap justify-between gap-2 text-sm">
        <span class="min-w-0 truncate">{[message, steps].filter(Boolean).join(' · ') || 'Running'}</span>
        <span class="font-semibold tabular-nums">{share}</span>
      </div>
      <progress
        class="progress progress-info w-full"
        max={1}
        aria-label="Progress"
        {...(progress !== undefined && { value: progress })}
      />
    </div>
  );
}

function Details({ task }: { readonly task: Task }): JSX.Element {
  const { id, workflow_slug = '', workflow_version, agent_id, created_at, retry_count, attempt_count } = task;
  const labels = task['agent_labels'] as string[] | null | undefined;
  return (
    <Facts
      of={[
        ['Id', <span class="font-mono text-xs">{id}</span>],
        [
          'Workflow',
          <a class="link" href={href(['workflows', workflow_slug ?? ''])}>
            {workflow_slug}
            {workflow_version !== undefined && `@${workflow_version}`}
          </a>,
        ],
        ['Agent', agent_id],
        ['Labels', labels && labels.length > 0 && <Labels of={labels} />],
        ['Submitted', created_at && fullTime(created_at)],
        ['Runs', attempt_count],
        ['Retries', retry_count],
      ]}
    />
  );
}
