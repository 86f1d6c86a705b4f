import { until } from '../../support/processes.js';
import { KEY } from './cluster.js';
import type { Ledger } from './ledger.js';

const PAGE = 100;
const DONE_LIMIT_MS = 60_000;

interface Task {
  readonly id: string;
  readonly task_status: string;
}

/** What became of the submissions of a scenario, as the runtime knows it. */
export interface Outcome {
  /** How many tasks there are for each value that was submitted. */
  readonly tasksByValue: ReadonlyMap<number, number>;
  /** Accepted tasks whose result is not there, or not theirs. */
  readonly lost: readonly string[];
}

async function ask<Answer>(api: string, path: string): Promise<Answer> {
  const response = await fetch(`${api}${path}`, { headers: { Authorization: `Bearer ${KEY}` } });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}

async function allTasks(api: string): Promise<Task[]> {
  const tasks: Task[] = [];
  for (let page = 1; ; page += 1) {
    const { task_list } = await ask<{ task_list: Task[] }>(
      api,
      `/r/tasks?per_page=${PAGE}&current_page=${page}`,
    );
    tasks.push(...task_list);
    if (task_list.length < PAGE) return tasks;
  }
}

/** Waits for all tasks to end, and asks each for its result; `seen` are those of earlier scenarios. */
export async function outcomeOf(api: string, ledger: Ledger, seen: Set<string>): Promise<Outcome> {
  await until(
    async () => (await allTasks(api)).every(({ task_status }) => task_status === 'completed'),
    DONE_LIMIT_MS,
  );
  const tasks = (await allTasks(api)).filter(({ id }) => !seen.has(id));
  const squares = new Map<string, number>();
  for (const { id } of tasks) {
    seen.add(id);
    const { task_output } = await ask<{ task_output?: { square?: number } }>(api, `/r/tasks/${id}/result`);
    squares.set(id, task_output?.square ?? -1);
  }
  const tasksByValue = new Map<number, number>();
  for (const square of squares.values()) {
    const value = Math.sqrt(square);
    tasksByValue.set(value, (tasksByValue.get(value) ?? 0) + 1);
  }
  const lost = [...ledger.accepted].filter(([id, value]) => squares.get(id) !== value ** 2).map(([id]) => id);
  return { tasksByValue, lost };
}
