import { ApiClient } from './api-client.js';
import { CommandError } from './command-error.js';
import { Interrupted, Interruption } from './interruption.js';
import { note } from './printing.js';
import { progressDisplay } from './progress-display.js';
import { endText, exitCodeOf, type ResultOptions, showResult } from './task-result.js';
import { watchTask } from './task-watch.js';

/** `tasks watch ID`. */
export async function watchCommand(taskId: string, options: ResultOptions): Promise<void> {
  await watchToEnd(await ApiClient.open(), taskId, options);
}

/**
 * Follows a task to its end, prints its result and sets the exit code. Ctrl-C ends the command and not the task.
 *
 * @throws {CommandError} when a signal ends the command.
 */
export async function watchToEnd(api: ApiClient, taskId: string, options: ResultOptions): Promise<void> {
  using interruption = new Interruption();
  using report = progressDisplay();
  const { signal } = interruption;
  try {
    const task = await watchTask(api, { taskId, report, signal });
    report[Symbol.dispose]();
    if (!options.json) note(`Task ${task.id} is ${endText(task)}.`);
    await showResult(api, task, options, { report, signal });
    process.exitCode = exitCodeOf(task.task_status);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    report[Symbol.dispose]();
    throw new CommandError(
      `Detached; task ${taskId} goes on. Watch it again with: cyberun-mcp tasks watch ${taskId}, or cancel it with: cyberun-mcp tasks cancel ${taskId}`,
      error.exitCode,
    );
  }
}
