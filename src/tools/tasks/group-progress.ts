import { ProgressReports, type ProgressStep, type ProgressTarget, type Report } from './task-progress.js';

/** The progress of several tasks as one: the mean of their numbers, and a message that names the task and how many have ended. */
export class GroupProgress implements Disposable {
  private readonly reports: ProgressReports;
  /** By task, from 0 to 1. */
  private readonly shares = new Map<string, number>();
  private ended = 0;

  constructor(
    report: Report | undefined,
    private readonly count: number,
  ) {
    this.reports = new ProgressReports(report);
  }

  /** Takes the progress of one of the tasks. */
  of(taskId: string): ProgressTarget {
    return {
      isWanted: this.reports.isWanted,
      advance: ({ message, value = 0, exactMessage = message }: ProgressStep) => {
        const known = this.shares.get(taskId) ?? 0;
        this.shares.set(taskId, Math.max(known, Math.min(value, 1)));
        return this.reports.advance({ message: this.messageOf(taskId, exactMessage), value: this.mean });
      },
      finish: (message) => {
        this.ended += 1;
        this.shares.set(taskId, 1);
        const text = this.messageOf(taskId, message);
        if (this.ended === this.count) return this.reports.finish(text);
        return this.reports.advance({ message: text, value: this.mean });
      },
    };
  }

  [Symbol.dispose](): void {
    this.reports[Symbol.dispose]();
  }

  private get mean(): number {
    const sum = [...this.shares.values()].reduce((total, share) => total + share, 0);
    return sum / this.count;
  }

  /** The message of a task begins with "task". */
  private messageOf(taskId: string, message: string): string {
    return `${this.ended} of ${this.count} ended; ${message.replace(/^task/, `task ${taskId}`)}`;
  }
}
