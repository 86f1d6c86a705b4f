import { Ctx } from '@nestjs/microservices';
import { McpController, Tool } from '@rekog/mcp-nest';

import { isTerminal, type TaskLog } from '../../contract/index.js';
import { advertised, ToolContext, ToolError, ToolInput, Toolset } from '../../mcp/index.js';
import { cutLine, fitting, newestLines } from '../task-log.js';
import { READS } from '../tool-definition.js';
import { marked } from '../untrusted.js';
import { passagesOf } from './log-passages.js';
import {
  DEFAULT_TAIL,
  type GetTaskLogInput,
  getTaskLogInput,
  getTaskLogOutput,
} from './task-logs.schemas.js';
import { TaskLogsService } from './task-logs.service.js';

/** What an agent can read of the logs of tasks. */
@McpController()
@Toolset('logs')
export class TaskLogsTools {
  constructor(private readonly logs: TaskLogsService) {}

  @Tool({
    name: 'get_task_log',
    description:
      'Read the log of a task: what its steps wrote, also while it runs. Gives the last 100 lines, or those after a cursor; search with contains. An answer is cut at whole lines, and next_cursor continues it. For the outcome alone use get_task_result.',
    parameters: advertised(getTaskLogInput),
    outputSchema: advertised(getTaskLogOutput),
    annotations: { title: 'Read the log of a task', ...READS },
  })
  async getTaskLog(
    @ToolInput(getTaskLogInput) { task_id, tail, cursor, ...filter }: GetTaskLogInput,
    @Ctx() { caller, replyBytes }: ToolContext,
  ): Promise<object> {
    if (tail !== undefined && cursor !== undefined) throw new ToolError(TAIL_OR_CURSOR);
    const page = cursor === undefined ? { tail: tail ?? DEFAULT_TAIL } : { cursor };
    const log = await this.logs.read(caller, task_id, { ...page, ...filter });
    return marked((cursor === undefined ? last : after)(log, replyBytes), LOG_TEXTS);
  }
}

const LOG_TEXTS = ['log[].text'];

const TAIL_OR_CURSOR =
  'Invalid input. tail counts lines from the end, cursor continues after a line: give one of the two.';

/** What an answer without lines says. */
const noLines = (status: string): { readonly note: string } => ({
  note: isTerminal(status)
    ? 'There are no such lines: the task has ended without writing any.'
    : `There are no such lines yet: the task is ${status}. Call again later.`,
});

/** The page after a cursor, as far as it fits into the reply. */
function after({ task_id, task_status, log_list, page_meta }: TaskLog, bytes: number): object {
  if (log_list.length === 0) return { task_id, task_status, log: [], ...page_meta, ...noLines(task_status) };
  const shown = log_list.slice(0, fitting(log_list, bytes));
  const isCut = shown.length < log_list.length;
  const log = passagesOf(shown.map((line) => cutLine(line, bytes)));
  const next_cursor = isCut ? (shown.at(-1)?.cursor ?? null) : page_meta.next_cursor;
  const has_more = isCut || page_meta.has_more;
  const note = has_more ? { note: `More follows: call again with cursor "${next_cursor}".` } : {};
  return { task_id, task_status, log, next_cursor, has_more, ...note };
}

/** The last lines, as many as fit into the reply. */
function last({ task_id, task_status, log_list, page_meta }: TaskLog, bytes: number): object {
  if (log_list.length === 0) return { task_id, task_status, log: [], ...page_meta, ...noLines(task_status) };
  const { missing, shown } = newestLines(log_list, bytes);
  const log = passagesOf(shown);
  const note =
    missing > 0
      ? {
          note: `The first ${missing} of these ${log_list.length} lines are left out, since they are too long for one answer: search with contains, or read from the beginning with cursor "0.0".`,
        }
      : {};
  return {
    task_id,
    task_status,
    log,
    next_cursor: page_meta.next_cursor,
    has_more: page_meta.has_more,
    ...note,
  };
}
