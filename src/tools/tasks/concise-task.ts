import { isTerminal, type Task } from '../../contract/index.js';
import { brief, briefTime } from '../concise.js';

const LONGEST_TEXT = 24;
const LONGEST_SENTENCE = 160;
/** Parameters that are shown of a task. */
const MOST_PARAMETERS = 5;

/** A task in a list: which run it is, and how it stands. */
export function conciseTask(task: Task): Readonly<Record<string, unknown>> {
  const { id, workflow_slug, workflow_id, task_status, created_at, agent_id, parameters, task_error } = task;
  const isOver = isTerminal(task_status);
  return {
    id,
    ...(workflow_slug ? { workflow_slug } : { workflow_id }),
    task_status,
    created_at: briefTime(created_at),
    parameters: parameters && conciseParameters(parameters),
    ...(!isOver && {
      agent_id,
      progress: task.progress,
      status_reason: brief(task.status_reason, LONGEST_SENTENCE),
      last_error: brief(task.last_error, LONGEST_SENTENCE),
    }),
    task_error: brief(task_error?.split('\n', 1)[0], LONGEST_SENTENCE),
  };
}

/** Short values as they are, and the shape of long ones. */
function conciseParameters(parameters: object): object | undefined {
  const entries = Object.entries(parameters);
  if (entries.length === 0) return undefined;
  const shown = entries.slice(0, MOST_PARAMETERS).map(([key, value]) => [key, conciseValue(value)]);
  const more = entries.length - shown.length;
  return Object.fromEntries(more > 0 ? [...shown, ['…', `${more} more`]] : shown) as object;
}

function conciseValue(value: unknown): unknown {
  if (typeof value === 'string') return brief(value, LONGEST_TEXT);
  if (Array.isArray(value)) return `[${value.length} items]`;
  return isPlainObject(value) ? `{${Object.keys(value).length} fields}` : value;
}

/** Not a number whose digits are kept, which is an object without a prototype. */
const isPlainObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
