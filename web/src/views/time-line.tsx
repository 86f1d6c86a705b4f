import type { JSX } from 'preact';

import { isEnded, type Task, type TaskEvent } from '../api/types.js';
import { clockTime, duration, fullTime, useNow } from '../lib/format.js';

interface Moment {
  readonly state: string;
  readonly at: string;
  readonly detail: string | undefined;
}

const COLORS: Readonly<Record<string, string>> = {
  completed: 'bg-success',
  failed: 'bg-error',
  cancelled: 'bg-secondary',
  running: 'bg-info',
  waiting: 'bg-warning',
  queued: 'bg-accent',
};

/** The states of a task one after another, with how long each lasted. */
export function TimeLine({
  task,
  events,
}: {
  readonly task: Task;
  readonly events: readonly TaskEvent[];
}): JSX.Element {
  const moments = momentsOf(task, events);
  const isOver = isEnded(task.task_status);
  const now = useNow(!isOver);
  return (
    <ol class="text-sm">
      {moments.map(({ state, at, detail }, index) => {
        const next = moments[index + 1];
        const lasted = next
          ? Date.parse(next.at) - Date.parse(at)
          : isEnded(state)
            ? undefined
            : now - Date.parse(at);
        return (
          <li key={`${state} ${at}`} class="relative flex gap-3 pb-4 last:pb-0">
            {next && <span class="bg-base-300 absolute top-5 -bottom-1 left-[5px] w-px" aria-hidden="true" />}
            <span
              class={`mt-1.5 size-[11px] shrink-0 rounded-full ${COLORS[state] ?? 'bg-secondary'}`}
              aria-hidden="true"
            />
            <div class="min-w-0 flex-1">
              <div class="flex items-baseline justify-between gap-3">
                <span class="font-medium">{state}</span>
                <time class="muted tabular-nums" dateTime={at} title={fullTime(at)}>
                  {clockTime(at)}
                </time>
              </div>
              {(lasted !== undefined || detail) && (
                <div class="muted text-xs break-words">
                  {[lasted !== undefined && `for ${duration(lasted)}`, detail].filter(Boolean).join(' · ')}
                </div>
              )}
            </div>
          </li>
        );
      })}
    </ol>
  );
}

function momentsOf(task: Task, events: readonly TaskEvent[]): Moment[] {
  const told = events.flatMap(({ status, timestamp, agent_id, error, cause }) => {
    const detail = agent_id ? `on ${agent_id}` : (error ?? cause);
    return status && timestamp ? [{ state: status, at: timestamp, detail: detail ?? undefined }] : [];
  });
  const { completed_at, task_status, created_at } = task;
  if (told.length === 0 && created_at) return [{ state: 'pending', at: created_at, detail: undefined }];
  const isTold = told.some(({ state }) => state === task_status);
  const end = completed_at && !isTold ? [{ state: task_status, at: completed_at, detail: undefined }] : [];
  return [...told, ...end];
}
