import type { RunStep } from '../../contract/index.js';
import { RunFailure } from './run-result.js';

/** The signal of one step: aborted with its run, or when the step reaches its own time limit. The reason names the step. */
export class StepSignal implements Disposable {
  private readonly stop = new AbortController();
  private readonly timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly step: Pick<RunStep, 'name' | 'timeout_seconds'>,
    private readonly run: AbortSignal,
  ) {
    if (run.aborted) this.stopWithRun();
    else run.addEventListener('abort', this.stopWithRun, { once: true });
    const { timeout_seconds: seconds } = step;
    if (seconds !== undefined) this.timer = setTimeout(() => this.stopAfter(seconds), seconds * 1000);
  }

  get signal(): AbortSignal {
    return this.stop.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.timer);
    this.run.removeEventListener('abort', this.stopWithRun);
  }

  private stopAfter(seconds: number): void {
    const sentence = `Step ${this.step.name} took longer than its limit of ${seconds} s and was stopped.`;
    this.stop.abort(new RunFailure(sentence));
  }

  private readonly stopWithRun = (): void => {
    const reason: unknown = this.run.reason;
    const isLimit = reason instanceof RunFailure;
    this.stop.abort(
      isLimit ? new RunFailure(`${reason.message} Step ${this.step.name} was running.`) : reason,
    );
  };
}
