import { type Task, type TaskResult, taskResult } from '../../contract/index.js';
import type { ApiClient } from './api-client.js';
import { EXIT_CODES } from './command-error.js';
import { outputLinks, saveOutputs, type SaveOptions } from './output-files.js';
import { durationText, note, plainLines, plainText, printJson, type PrintOptions } from './printing.js';
import type { ProgressDisplay } from './progress-display.js';

export interface ResultOptions extends PrintOptions {
  readonly outputDir?: string;
  readonly force?: true;
}

const LOG_LINES = 10;

/** The exit code for how a task has ended. */
export function exitCodeOf(state: string | undefined): number {
  if (state === 'failed') return EXIT_CODES.failed;
  return state === 'cancelled' ? EXIT_CODES.cancelled : EXIT_CODES.done;
}

/** Fetches the result of a task, saves its outputs where that is wanted, and prints it. */
export async function showResult(
  api: ApiClient,
  ended: Pick<Task, 'id'>,
  { json: isJson, outputDir, force }: ResultOptions,
  transfer: { readonly report: ProgressDisplay; readonly signal: AbortSignal },
): Promise<TaskResult> {
  const result = await api.get(['r', 'tasks', ended.id, 'result'], taskResult);
  const { folder, ...rest }: SaveOptions = { folder: outputDir ?? '', isForced: force === true, ...transfer };
  const saved = outputDir === undefined ? undefined : await saveOutputs(result, { folder, ...rest });
  transfer.report[Symbol.dispose]();
  if (isJson) printJson({ ...result, ...(saved && { saved_files: saved }) });
  else printResult(result, saved);
  return result;
}

function printResult(result: TaskResult, saved: readonly string[] | undefined): void {
  const { id, task_output, task_warnings, task_status, task_error, task_log } = result;
  for (const warning of task_warnings ?? []) note(`Warning: ${plainText(warning)}`);
  if (task_output !== undefined && task_output !== null)
    process.stdout.write(
      `${plainLines(typeof task_output === 'string' ? task_output : JSON.stringify(task_output, null, 2))}\n`,
    );
  if (task_status === 'failed') noteFailure(id, task_error, task_log);
  const names = [...outputLinks(result).keys()];
  if (saved) for (const path of saved) process.stdout.write(`${path}\n`);
  if (saved || names.length === 0) return;
  note(
    `Files: ${names.map(plainText).join(', ')}. Save them with: cyberun-mcp tasks result ${id} --output-dir FOLDER`,
  );
}

function noteFailure(id: string, error: string | null | undefined, log: string | null | undefined): void {
  const lines = plainLines(log ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .slice(-LOG_LINES);
  for (const line of lines) note(`  | ${line}`);
  note(`Task ${id} failed: ${plainText(error ?? '') || 'no reason was given'}`);
  if (lines.length > 0) note(`The whole log: cyberun-mcp tasks logs ${id}`);
}

/** `completed in 12 s`. */
export function endText({ task_status, created_at, completed_at }: Task): string {
  const ms = Date.parse(completed_at ?? '') - Date.parse(created_at ?? '');
  return Number.isFinite(ms) ? `${plainText(task_status)} after ${durationText(ms)}` : plainText(task_status);
}
