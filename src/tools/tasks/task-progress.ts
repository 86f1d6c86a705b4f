import { isTerminal, type Task, type TaskEvent } from '../../contract/index.js';

/** Longest silence towards a client that wants progress; some clients abort a silent call. */
export const HEARTBEAT_MS = 15_000;

export interface ProgressReport {
  readonly progress: number;
  readonly total: number;
  readonly message: string;
}
export type Report = (report: ProgressReport) => Promise<void>;

/**
 * Reports the progress of a task to a client: once per change of its status, once per progress event, and at least once in
 * {@link HEARTBEAT_MS}. Reports are sent in order.
 */
export class TaskProgress implements Disposable {
  private readonly scale = new ProgressScale();
  private status = '';
  private isStatusPolled = false;
  private agentId: string | undefined;
  private message = 'following the task';
  private readonly heartbeat: NodeJS.Timeout;
  private sent: Promise<void> = Promise.resolve();

  /** A failure surfaces in the next report that is awaited. */
  private readonly beat = (): void => void this.send(this.scale.next(), this.message).catch(() => undefined);

  /** @param report absent when the client does not want progress. */
  constructor(private readonly report: Report | undefined) {
    this.heartbeat = setTimeout(this.beat, HEARTBEAT_MS).unref();
  }

  get isWanted(): boolean {
    return this.report !== undefined;
  }

  /** A status from the stream. Without an id it may repeat one from before a reconnect. */
  async changed(status: string, event: TaskEvent, isNumbered: boolean): Promise<void> {
    const isRepetition = status === this.status && (this.isStatusPolled || !isNumbered);
    this.isStatusPolled = false;
    if (!isRepetition) await this.show(status, event);
  }

  /** A task that was polled, for a change that the stream did not report. */
  async polled({ task_status, agent_id }: Task): Promise<void> {
    if (task_status === this.status || isTerminal(task_status)) return;
    this.isStatusPolled = true;
    await this.show(task_status, { agent_id });
  }

  async advanced(event: TaskEvent): Promise<void> {
    this.agentId = event.agent_id ?? this.agentId;
    const value = event.progress;
    const progress = this.scale.next(value);
    const percent = value === undefined || this.scale.isAt(value) || !isShare(value) ? undefined : value;
    await this.send(progress, progressMessage('running', this.agentId, event, percent));
  }

  /** The only report that reaches 1. */
  async ended({ task_status }: Task): Promise<void> {
    await this.send(1, progressMessage(task_status, undefined));
  }

  [Symbol.dispose](): void {
    clearTimeout(this.heartbeat);
  }

  private async show(status: string, event: TaskEvent): Promise<void> {
    this.status = status;
    this.agentId = status === 'running' ? (event.agent_id ?? undefined) : undefined;
    await this.send(this.scale.next(), progressMessage(status, this.agentId, event));
  }

  private send(progress: number, message: string): Promise<void> {
    this.message = message;
    this.heartbeat.refresh();
    this.sent = this.sent.then(() => this.report?.({ progress, total: 1, message }));
    return this.sent;
  }
}

const isShare = (value: number): boolean => value >= 0 && value <= 1;

/** Highest value before the end: only the end of the task reaches 1. */
const CEILING = 0.99;
/** Share of the rest that a step without news takes, so that another step is always possible. */
const SMALLEST_STEP = 0.0001;

/** Maps the progress a task reports to the strictly increasing numbers that MCP requires. */
export class ProgressScale {
  private last = 0;

  /** Next number for a task that reports `value`; a value that is not above the last one gives a tiny step. */
  next(value = 0): number {
    const wanted = Math.min(value, CEILING);
    this.last = wanted > this.last ? wanted : this.last + (1 - this.last) * SMALLEST_STEP;
    return this.last;
  }

  /** Whether the last number shows the reported value, as precisely as a person needs it. */
  isAt(value: number): boolean {
    return Math.abs(this.last - value) < 0.02;
  }
}

const LONGEST_NOTE = 200;

/** The text beside a progress bar: "task running on agent gpu-01, step 7/20: sampling". */
export function progressMessage(
  status: string,
  agentId: string | undefined,
  { step_current, step_total, stage, message }: TaskEvent = {},
  percent?: number,
): string {
  const parts = [
    `task ${status}${agentId === undefined ? '' : ` on agent ${oneLine(agentId)}`}`,
    percent === undefined ? undefined : `${Math.round(percent * 100)}%`,
    stepText(step_current, step_total),
    stage ? oneLine(stage) : undefined,
  ];
  const text = parts.filter((part) => part !== undefined).join(', ');
  return message ? `${text}: ${oneLine(message)}` : text;
}

function stepText(current?: number | null, total?: number | null): string | undefined {
  if (current === undefined || current === null) return undefined;
  return total === undefined || total === null ? `step ${current}` : `step ${current}/${total}`;
}

const oneLine = (text: string): string => text.replaceAll(/[\p{Cc}\s]+/gu, ' ').slice(0, LONGEST_NOTE);
