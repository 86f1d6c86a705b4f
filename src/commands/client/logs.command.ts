import { taskLog, type TaskLogLine, taskLogLine, task, isTerminal } from '../../contract/index.js';
import { announces, ApiClient } from './api-client.js';
import { CommandError } from './command-error.js';
import { followEvents } from './event-follower.js';
import { parsedText } from './json-text.js';
import { Interrupted, Interruption } from './interruption.js';
import { note, plainLines, plainText, type PrintOptions } from './printing.js';

export interface LogOptions extends PrintOptions {
  readonly follow?: true;
  readonly tail?: string;
  readonly attempt?: string;
  readonly stream?: string;
  readonly contains?: string;
}

const PAGE = 1000;
const TAIL_LIMIT = 1000;

/** `tasks logs ID`: the log as text, or a line of JSON for each line; with `-f` until the task has ended. */
export async function logsCommand(taskId: string, options: LogOptions): Promise<void> {
  const tail = wholeNumber('--tail', options.tail, TAIL_LIMIT);
  const attempt = wholeNumber('--attempt', options.attempt, 1_000_000);
  const { stream, contains, json: isJson } = options;
  const query = { attempt, stream, contains };
  const print = isJson ? printRecord : process.stdout.isTTY ? printSafely : printAsIs;
  const api = await ApiClient.open();
  if (options.follow) await followLog(api, taskId, { query: { ...query, tail }, print });
  else await printLog(api, taskId, { query, tail, print });
}

interface Printed {
  readonly query: Readonly<Record<string, string | number | undefined>>;
  readonly print: (line: TaskLogLine) => void;
}

async function printLog(
  api: ApiClient,
  taskId: string,
  { query, tail, print }: Printed & { readonly tail: number | undefined },
): Promise<void> {
  const path = ['r', 'tasks', taskId, 'logs'];
  let page = tail === undefined ? { limit: PAGE } : { tail };
  for (;;) {
    const { data } = await api
      .send({ path, query: { ...query, ...page } }, taskLog)
      .catch((error: unknown) => withoutLogs(api, taskId, error));
    data.log_list.forEach(print);
    const { has_more, next_cursor } = data.page_meta;
    if (tail !== undefined || !has_more || next_cursor === null) return;
    page = { limit: PAGE, cursor: next_cursor } as typeof page;
  }
}

/** An unknown task and a runtime without logs are distinguished. */
async function withoutLogs(api: ApiClient, taskId: string, error: unknown): Promise<never> {
  const { headers } = await api.send({ path: ['r', 'tasks', taskId] }, task);
  if (announces(headers, 'task-logs')) throw error;
  throw new CommandError(
    `${api.server.url} has no logs of tasks; the end of one is in: cyberun-mcp tasks result ${taskId}`,
  );
}

async function followLog(api: ApiClient, taskId: string, { query, print }: Printed): Promise<void> {
  using interruption = new Interruption();
  const { signal } = interruption;
  const path = ['r', 'tasks', taskId];
  try {
    await followEvents(api, {
      path: [...path, 'logs'],
      query,
      signal,
      onEvent: ({ event, data }) => {
        if (event === 'end') return true;
        const { data: line } = taskLogLine.safeParse(parsedText(data));
        if (event === 'log' && line) print(line);
        return false;
      },
      isOver: async () => isTerminal((await api.get(path, task)).task_status),
      onLost: (reason) => note(`${reason} Connecting again …`),
    });
  } catch (error) {
    if (error instanceof Interrupted)
      throw new CommandError(
        `The task goes on. Cancel it with: cyberun-mcp tasks cancel ${taskId}`,
        error.exitCode,
      );
    if (error instanceof CommandError) await withoutLogs(api, taskId, error);
    throw error;
  }
  const { task_status } = await api.get(path, task);
  note(`The task is ${plainText(task_status)}.`);
}

function wholeNumber(option: string, text: string | undefined, largest: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,6}$/.test(text) && Number(text) <= largest) return Number(text);
  throw new CommandError(`${option} is "${text}", but must be 1 to ${largest}. Example: ${option} 1`);
}

function printRecord(line: TaskLogLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function printAsIs({ text }: TaskLogLine): void {
  process.stdout.write(`${text}\n`);
}

/** A terminal would obey control characters. */
function printSafely({ text }: TaskLogLine): void {
  process.stdout.write(`${plainLines(text)}\n`);
}
