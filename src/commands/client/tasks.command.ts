import { isTerminal, type Task, cancelAccepted, task, TASK_STATES, taskList } from '../../contract/index.js';
import { announces, ApiClient } from './api-client.js';
import { CommandError } from './command-error.js';
import { Interruption } from './interruption.js';
import { listed, type ListOptions } from './listing.js';
import {
  durationText,
  note,
  plainText,
  printFields,
  printJson,
  type PrintOptions,
  printTable,
  timeText,
} from './printing.js';
import { progressDisplay } from './progress-display.js';
import { suggestion } from './suggestion.js';
import { endText, exitCodeOf, type ResultOptions, showResult } from './task-result.js';

export interface TaskListOptions extends ListOptions {
  readonly status?: string;
  readonly workflow?: string;
}

/** `tasks list`. */
export async function listTasks({ status, workflow, ...options }: TaskListOptions): Promise<void> {
  checkStates(status);
  const api = await ApiClient.open();
  const request = { path: ['r', 'tasks'], query: { status, workflow_slug: workflow } };
  const { items, total, headers } = await listed(
    api,
    request,
    { answer: taskList, itemsOf: (body) => body.task_list },
    options,
  );
  if ((workflow !== undefined || status?.includes(',')) && !announces(headers, 'task-filters'))
    throw new CommandError(
      `${api.server.url} lists tasks by one status only. Leave out --workflow, and name one status.`,
    );
  if (options.json) return printJson({ task_list: items, total_count: total });
  if (items.length === 0) return note('There are no such tasks. Start one with: cyberun-mcp run SLUG');
  printTable(
    ['ID', 'WORKFLOW', 'STATUS', 'CREATED', 'TOOK', 'AGENT'],
    items.map((each) => [
      each.id,
      each.workflow_slug ?? each.workflow_id,
      each.task_status,
      timeText(each.created_at),
      tookText(each),
      each.agent_id,
    ]),
  );
}

function checkStates(status: string | undefined): void {
  const states: readonly string[] = TASK_STATES;
  for (const state of status?.split(',') ?? [])
    if (!states.includes(state))
      throw new CommandError(`${state} is not a status of tasks. ${suggestion(state, states, 'states')}`);
}

function tookText({ started_at, completed_at, task_status }: Task): string | undefined {
  if (!started_at) return undefined;
  const end = completed_at ? Date.parse(completed_at) : isTerminal(task_status) ? Number.NaN : Date.now();
  const ms = end - Date.parse(started_at);
  return Number.isFinite(ms) ? durationText(ms) : undefined;
}

/** `tasks show ID`. */
export async function showTask(id: string, { json: isJson }: PrintOptions): Promise<void> {
  const found = await (await ApiClient.open()).get(['r', 'tasks', id], task);
  if (isJson) return printJson(found);
  const { progress, parameters } = found;
  printFields({
    Task: found.id,
    Workflow: found.workflow_slug ?? found.workflow_id,
    Status: found.task_status,
    Reason: found.status_reason,
    Progress: progress && !isTerminal(found.task_status) ? progressText(progress) : undefined,
    Error: found.task_error,
    'Last error': found.last_error,
    Agent: found.agent_id,
    Created: timeText(found.created_at),
    Started: timeText(found.started_at),
    Ended: timeText(found.completed_at),
    Took: tookText(found),
    Retries: found.retry_count,
    Parameters: parameters ? JSON.stringify(parameters, null, 2) : undefined,
  });
}

function progressText({ progress, message }: Readonly<Record<string, unknown>>): string {
  const share = typeof progress === 'number' ? `${Math.floor(progress * 100)}%` : '';
  return [share, typeof message === 'string' ? plainText(message) : '']
    .filter((part) => part !== '')
    .join('  ');
}

/** `tasks cancel ID`. */
export async function cancelTask(id: string, { json: isJson }: PrintOptions): Promise<void> {
  const api = await ApiClient.open();
  const whenUnsure = 'It may be cancelled; cancelling it again does no harm.';
  const { data } = await api.send(
    { method: 'POST', path: ['r', 'tasks', id, 'cancel'], whenUnsure },
    cancelAccepted,
  );
  const status = data.task_status ?? (await api.get(['r', 'tasks', id], task)).task_status;
  if (isJson) return printJson({ task_id: id, task_status: status });
  if (status === 'cancelled') note(`Task ${id} is cancelled.`);
  else if (isTerminal(status)) note(`Task ${id} had ended before: it is ${plainText(status)}.`);
  else note(`Task ${id} is being cancelled; now it is ${plainText(status)}.`);
}

/** `tasks result ID`: of a task that has not ended, says so. */
export async function taskResultCommand(id: string, options: ResultOptions): Promise<void> {
  const api = await ApiClient.open();
  const found = await api.get(['r', 'tasks', id], task);
  if (!isTerminal(found.task_status))
    throw new CommandError(
      `Task ${id} is ${plainText(found.task_status)} and has no result yet. Wait for it with: cyberun-mcp tasks watch ${id}`,
    );
  using interruption = new Interruption();
  using report = progressDisplay();
  if (!options.json && found.task_status !== 'completed') note(`Task ${id} is ${endText(found)}.`);
  await showResult(api, found, options, { report, signal: interruption.signal });
  process.exitCode = exitCodeOf(found.task_status);
}
