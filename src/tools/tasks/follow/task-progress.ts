import { isTerminal, type Task, type TaskEvent } from '../../../contract/index.js';
import { ProgressLadder } from './progress-ladder.js';
import { progressMessage } from './progress-message.js';

/** Longest silence towards a client that wants progress; some give up on a silent call. */
export const HEARTBEAT_MS = 15_000;

export interface ProgressReport {
  readonly progress: number;
  readonly total: number;
  readonly message: string;
}
export type Report = (report: ProgressReport) => Promise<void>;

/**
 * Tells a client how a task gets on: once per change of its status, once per progress event, at least once in
 * {@link HEARTBEAT_MS}. Reports go out in order.
 */
export class TaskProgress implements Disposable {
  private readonly ladder = new ProgressLadder();
  private status = '';
  private isStatusPolled = false;
  private agentId: string | undefined;
  private message = 'following the task';
  private readonly heartbeat: NodeJS.Timeout;
  private sent: Promise<void> = Promise.resolve();

  /** Whoever awaits the next report learns of a failure. */
  private readonly beat = (): void => void this.send(this.ladder.next(), this.message).catch(() => undefined);

  constructor(private readonly report: Report) {
    this.heartbeat = setTimeout(this.beat, HEARTBEAT_MS).unref();
  }

  /** A status out of the stream. Without an id it may be a repetition by a stream that was opened again. */
  async changed(status: string, event: TaskEvent, isNumbered: boolean): Promise<void> {
    const isRepetition = status === this.status && (this.isStatusPolled || !isNumbered);
    this.isStatusPolled = false;
    if (!isRepetition) await this.show(status, event);
  }

  /** A task that was looked at because the stream did not tell. */
  async looked({ task_status, agent_id }: Task): Promise<void> {
    if (task_status === this.status || isTerminal(task_status)) return;
    this.isStatusPolled = true;
    await this.show(task_status, { agent_id });
  }

  async advanced(event: TaskEvent): Promise<void> {
    this.agentId = event.agent_id ?? this.agentId;
    const value = event.progress;
    const progress = this.ladder.next(value);
    const percent = value === undefined || this.ladder.isAt(value) || !isShare(value) ? undefined : value;
    await this.send(progress, progressMessage('running', this.agentId, event, percent));
  }

  /** The one report that reaches 1. */
  async ended({ task_status }: Task): Promise<void> {
    await this.send(1, progressMessage(task_status, undefined));
  }

  [Symbol.dispose](): void {
    clearTimeout(this.heartbeat);
  }

  private async show(status: string, event: TaskEvent): Promise<void> {
    this.status = status;
    this.agentId = status === 'running' ? (event.agent_id ?? undefined) : undefined;
    await this.send(this.ladder.next(), progressMessage(status, this.agentId, event));
  }

  private send(progress: number, message: string): Promise<void> {
    this.message = message;
    this.heartbeat.refresh();
    this.sent = this.sent.then(() => this.report({ progress, total: 1, message }));
    return this.sent;
  }
}

const isShare = (value: number): boolean => value >= 0 && value <= 1;
