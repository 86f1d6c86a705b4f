import { isTerminal, type Task, type TaskEvent } from '../../contract/index.js';

/** Longest silence towards a client that wants progress; some clients abort a silent call. */
export const HEARTBEAT_MS = 15_000;

export interface ProgressReport {
  readonly progress: number;
  readonly total: number;
  readonly message: string;
}
export type Report = (report: ProgressReport) => Promise<void>;

/** A step of a task. */
export interface ProgressStep {
  readonly message: string;
  /** What the task reports. */
  readonly value?: number | undefined;
  /** In place of the message where the number that is sent does not show the value. */
  readonly exactMessage?: string;
}

/** Takes the progress of one task. */
export interface ProgressTarget {
  readonly isWanted: boolean;
  advance(step: ProgressStep): Promise<void>;
  /** The task has ended. */
  finish(message: string): Promise<void>;
}

/** Sends reports to a client in order, with rising numbers, and at least one in {@link HEARTBEAT_MS}. */
export class ProgressReports implements ProgressTarget, Disposable {
  private readonly scale = new ProgressScale();
  private message = 'following the task';
  private readonly heartbeat: NodeJS.Timeout;
  private sent: Promise<void> = Promise.resolve();

  /** A failure surfaces in the next report that is awaited. */
  private readonly beat = (): void => void this.advance({ message: this.message }).catch(() => undefined);

  /** @param report absent when the client does not want progress. */
  constructor(private readonly report: Report | undefined) {
    this.heartbeat = setTimeout(this.beat, HEARTBEAT_MS).unref();
  }

  get isWanted(): boolean {
    return this.report !== undefined;
  }

  advance({ message, value, exactMessage = message }: ProgressStep): Promise<void> {
    const progress = this.scale.next(value);
    const isShown = value === undefined || this.scale.isAt(value);
    return this.send(progress, isShown ? message : exactMessage);
  }

  /** The only report that reaches 1. */
  finish(message: string): Promise<void> {
    return this.send(1, message);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.heartbeat);
  }

  private send(progress: number, message: string): Promise<void> {
    this.message = message;
    this.heartbeat.refresh();
    this.sent = this.sent.then(() => this.report?.({ progress, total: 1, message }));
    return this.sent;
  }
}

/** Reports the progress of a task: once per change of its status, and once per progress event. */
export class TaskProgress {
  private status = '';
  private isStatusPolled = false;
  private agentId: string | undefined;

  constructor(private readonly target: ProgressTarget) {}

  get isWanted(): boolean {
    return this.target.isWanted;
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
    const { progress: value } = event;
    const text = (percent?: number) => progressMessage('running', this.agentId, event, percent);
    await this.target.advance({
      message: text(),
      value,
      ...(value !== undefined && isShare(value) && { exactMessage: text(value) }),
    });
  }

  async ended({ task_status }: Task): Promise<void> {
    await this.target.finish(progressMessage(task_status, undefined));
  }

  private async show(status: string, event: TaskEvent): Promise<void> {
    this.status = status;
    this.agentId = status === 'running' ? (event.agent_id ?? undefined) : undefined;
    await this.target.advance({ message: progressMessage(status, this.agentId, event) });
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
    progressText({ step_current, step_total }, percent),
    stage ? oneLine(stage) : '',
  ];
  const text = parts.filter((part) => part !== '').join(', ');
  return message ? `${text}: ${oneLine(message)}` : text;
}

/** "35%, step 7/20", as far as it is known. */
export function progressText({ step_current, step_total }: TaskEvent, percent?: number): string {
  const share = percent === undefined || !isShare(percent) ? undefined : `${Math.round(percent * 100)}%`;
  return [share, stepText(step_current, step_total)].filter((part) => part !== undefined).join(', ');
}

function stepText(current?: number | null, total?: number | null): string | undefined {
  if (current === undefined || current === null) return undefined;
  return total === undefined || total === null ? `step ${current}` : `step ${current}/${total}`;
}

const oneLine = (text: string): string => text.replaceAll(/[\p{Cc}\s]+/gu, ' ').slice(0, LONGEST_NOTE);
