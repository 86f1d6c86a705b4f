import type { ProgramStep, StepContext } from './executor.js';
import { RunFailure } from './run-result.js';
import { StepOutput } from './step-output.js';

/** Runs the program of a step. When this settles, everything that it started has ended. */
export async function runProgram(step: ProgramStep, context: StepContext): Promise<void> {
  const { executor, signal } = context;
  signal.throwIfAborted();
  const execution = await executor.start(step, context).catch((error: unknown) => {
    throw signal.reason instanceof RunFailure ? notStarted(signal.reason) : error;
  });
  const stop = (): void => void execution.end();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const output = new StepOutput(step, context, execution);
  const end = await execution.exited;
  await execution.end();
  signal.removeEventListener('abort', stop);
  if (signal.reason instanceof RunFailure) throw output.stopped(signal.reason);
  signal.throwIfAborted();
  if (end.exitCode !== 0) throw output.failure(end);
}

/** For example, because pulling the image took too long. */
const notStarted = ({ message }: RunFailure): RunFailure =>
  new RunFailure(`${message} Its program had not started yet; the log of the task says what was going on.`);
