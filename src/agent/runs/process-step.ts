import type { Execution, ExecutionEnd } from '../execution.js';
import { LogTail, onLines } from '../processes/process-output.js';
import type { ProgramStep, StepContext } from './executor.js';
import { progressOf } from './progress.js';
import { RunFailure } from './run-result.js';

/** Runs the program of a step. When this settles, everything that it started has ended. */
export async function runProgram(step: ProgramStep, context: StepContext): Promise<void> {
  const { executor, signal } = context;
  signal.throwIfAborted();
  const execution = await executor.start(step, context);
  const stop = (): void => void execution.end();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const tail = listen(execution, step, context);
  const end = await execution.exited;
  await execution.end();
  signal.removeEventListener('abort', stop);
  signal.throwIfAborted();
  if (end.exitCode !== 0) throw new RunFailure(tail.after(sentence(step, end)));
}

/** Forwards progress and collects the log. Returns the log of this step. */
function listen({ streams }: Execution, { name }: ProgramStep, { progress, log }: StepContext): LogTail {
  const tail = new LogTail();
  const isProgress = (text: string): boolean => {
    const report = progressOf(text, name);
    if (report) progress(report);
    return report !== undefined;
  };
  const line = (text: string): void => {
    if (isProgress(text)) return;
    tail.add(text);
    log.add(text);
  };
  for (const stream of streams) onLines(stream, { line, overwritten: isProgress });
  return tail;
}

function sentence(step: ProgramStep, { exitCode, reason }: ExecutionEnd): string {
  if (exitCode === undefined) return `Step ${step.name} was ended by ${reason ?? 'the system'}.`;
  // The exit code of a shell that cannot find the program.
  const mayBeMissing = exitCode === 127 && step.kind === 'script' && step.language === 'python';
  const hint = mayBeMissing
    ? ' If its agent has no python3 on the PATH, install it there, or use language: js.'
    : '';
  const why = reason === undefined ? '' : `: ${reason}`;
  return `Step ${step.name} ended with exit code ${exitCode}${why}.${hint}`;
}
