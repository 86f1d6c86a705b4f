import type { ServerHttp2Stream } from 'node:http2';

import type { RunCommand, RunOrder, RunReport } from '../../contract/index.js';
import { writeLine } from '../../tunnel/index.js';
import { outcomeOf, type RunContext, type RunOutcome } from './execute-run.js';
import { ProgressThrottle } from './progress.js';
import {
  type End,
  endOf,
  isReport,
  type Reported,
  RunHandedOver,
  RunReturned,
  RunStopped,
} from './run-end.js';
import { RunFolder } from './run-folder.js';
import { RunLog } from './run-log.js';
import type { EndedRun, RunRecord } from './run-records.js';
import { RunFailure } from './run-result.js';
import { followCommands, type RuntimeStream } from './run-stream.js';
import type { RunWork } from './run-work.js';
import type { Upload } from './transfers.js';

/** What an agent has for its runs. */
export interface RunAgent extends Pick<RunContext, 'executor' | 'bundles'> {
  readonly workDir: string;
  readonly work: RunWork;
}

type Execute = (context: RunContext) => Promise<RunOutcome>;

/**
 * One run. It outlives the connection over which it was ordered: a runtime that attaches later gets every report that
 * still matters again. Its last report is kept until the runtime has settled it, also for the next agent.
 */
export class HeldRun {
  private readonly stop = new AbortController();
  private readonly log: RunLog;
  /** The latest request for upload links; a run requests links several times in sequence. */
  private links = Promise.withResolvers<readonly Upload[]>();
  private readonly settled = Promise.withResolvers<void>();
  private stream: ServerHttp2Stream | undefined;
  private holdSeconds: number;
  private alone: NodeJS.Timeout | undefined;
  private progress: Reported<'progress'> | undefined;
  private question: Reported<'outputs'> | undefined;
  private last: Exclude<End, undefined> | undefined;
  /** What the record says; nothing of a run whose steps have not ended, or whose runtime is an older one. */
  private recorded: EndedRun['end'] | undefined;
  /** The folder with the outputs that are recorded, when the agent ended before they were stored. */
  private kept: RunFolder | undefined;
  private isLeft = false;
  private how: 'settled' | 'handed over' | 'left' = 'left';

  /** @param former the run as an earlier agent has left it. */
  constructor(
    private readonly run: EndedRun['run'],
    private readonly agent: RunAgent,
    private readonly record: RunRecord,
    private readonly former?: EndedRun,
  ) {
    this.log = new RunLog(former?.log);
    this.holdSeconds = former?.hold_seconds ?? 0;
    this.recorded = former?.end;
    this.stop.signal.addEventListener('abort', () => {
      this.links.promise.catch(() => undefined);
      this.links.reject(this.stop.signal.reason);
    });
  }

  get taskId(): string {
    return this.run.task_id;
  }
  get attempt(): number {
    return this.run.attempt;
  }
  /** How it has ended here: the runtime has stored its last report, another process goes on with it, or neither. */
  get ending(): 'settled' | 'handed over' | 'left' {
    return this.how;
  }

  /** Executes the order. Resolves when all processes have ended and the runtime has the report, or cannot get it. */
  async perform(order: RunOrder): Promise<void> {
    const { work } = this.agent;
    if (work.begun) {
      this.holdSeconds = work.begun.holdSeconds;
      this.waitAlone();
    }
    const execute: Execute = (context) => work.execute(order, context, this.holdSeconds);
    await this.deliver(await this.conclude(work.folder(), execute));
  }

  /** Brings the end of a run to the runtime that an earlier agent has left. Resolves as {@link perform}. */
  async resume(end: EndedRun['end']): Promise<void> {
    this.waitAlone();
    if (end.type !== 'outputs') return this.deliver(end);
    const folder = RunFolder.at(this.agent.workDir, end.folder);
    await this.deliver(await this.conclude(folder, (context) => outcomeOf(this.run, context, end.answer)));
  }

  /** The end is recorded before the folder is removed: no record names a folder that is half gone. */
  private async conclude(folder: RunFolder | Promise<RunFolder>, execute: Execute): Promise<End> {
    const timer = this.startTimer(this.run.timeout_seconds, this.agent.work.begun?.spentMs);
    try {
      await using own = await folder;
      const end = await this.executed(own, execute);
      if (isReport(end)) this.remember(end);
      else if (end && this.recorded) this.keep(own);
      else this.record.remove();
      return end;
    } catch (error) {
      return endOf(error, this.taskId);
    } finally {
      clearTimeout(timer);
    }
  }

  private async executed(folder: RunFolder, execute: Execute): Promise<End> {
    const progress = new ProgressThrottle((report) => this.reportProgress({ type: 'progress', ...report }));
    try {
      const { output, files, warnings } = await execute({
        ...this.agent,
        folder,
        log: this.log,
        progress: (report) => progress.add(report),
        stepsEnded: (answer) => this.remember({ type: 'outputs', folder: folder.name, answer }),
        uploads: (files) => this.askForLinks([...files]),
        isRuntimeAway: () => this.stream === undefined,
        isResumed: this.former !== undefined,
        signal: this.stop.signal,
      });
      return { type: 'completed', output, files: [...files], warnings: [...warnings] };
    } catch (error) {
      const { aborted, reason } = this.stop.signal as { aborted: boolean; reason: unknown };
      // A run that reached its time limit fails with the step that was running.
      const isNamed = reason instanceof RunFailure && error instanceof RunFailure;
      const cause = aborted && !isNamed ? reason : error;
      if (cause instanceof RunHandedOver) this.how = 'handed over';
      return endOf(cause, this.taskId);
    } finally {
      progress.flush();
    }
  }

  private async deliver(end: End): Promise<void> {
    if (end) await this.reportLast(end);
    // Stopped or handed over: nothing is reported, and nothing is to be settled.
    else this.settled.resolve();
    await this.settled.promise;
    clearTimeout(this.alone);
    const isForNext = this.isLeft && (isReport(end) || this.kept !== undefined);
    if (!isForNext) {
      this.record.remove();
      await this.kept?.remove();
    }
    const { stream } = this;
    this.log.flush();
    this.stream = undefined;
    stream?.end(() => stream.close());
  }

  /** An older runtime does not attach again. */
  private remember(end: EndedRun['end']): void {
    const { run, holdSeconds: hold_seconds, log } = this;
    if (hold_seconds === 0) return;
    this.recorded = end;
    this.record.write({ run, hold_seconds, log: log.unstored, end });
  }

  /** Until the runtime has taken the run back; otherwise the next agent stores the outputs. */
  private keep(folder: RunFolder): void {
    folder.keep();
    this.kept = folder;
  }

  /** Reports to this stream from now on, beginning with what still matters, and obeys its commands. */
  attach({ stream, commands, terms: { holdSeconds, logBytes } }: RuntimeStream): void {
    clearTimeout(this.alone);
    const former = this.stream;
    this.stream = stream;
    this.holdSeconds = holdSeconds;
    former?.close();
    if (stream.destroyed) {
      this.detach(stream);
      return;
    }
    stream.once('close', () => this.detach(stream));
    stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' });
    for (const report of [{ type: 'started' } as const, this.progress, this.question])
      if (report) void writeLine(stream, report);
    if (logBytes > 0) this.log.attach((chunks) => void writeLine(stream, { type: 'log', chunks }), logBytes);
    // Nothing follows the last report.
    if (this.last) this.log.flush();
    if (this.last) void writeLine(stream, this.last);
    void this.follow(stream, commands);
  }

  /** Ends the run, so that the runtime gives it to another agent. A report that is not settled yet is still valid. */
  giveBack(): void {
    if (this.stream) this.stop.abort(new RunReturned('the agent ends'));
    else this.leave();
  }

  /** Ends the run together with its agent, which has no runtime any more: what is recorded is for the next agent. */
  leave(): void {
    this.stop.abort(new RunReturned('the agent ends'));
    this.isLeft = true;
    this.settled.resolve();
  }

  /** Ends the run without a report, for a runtime that does not want it any more. */
  end(): void {
    this.stop.abort(new RunStopped('the run was stopped'));
    this.settled.resolve();
  }

  private detach(stream: ServerHttp2Stream): void {
    if (this.stream !== stream) return;
    this.stream = undefined;
    this.log.detach();
    if (this.stop.signal.reason instanceof RunReturned) this.leave();
    else if (this.holdSeconds === 0) this.end();
    else this.waitAlone();
  }

  private waitAlone(): void {
    this.alone = setTimeout(() => this.end(), this.holdSeconds * 1000);
  }

  private async follow(stream: ServerHttp2Stream, commands: AsyncGenerator): Promise<void> {
    await followCommands(
      commands,
      () => this.stream === stream,
      (command) => this.obey(command),
    );
    if (this.holdSeconds === 0 && this.stream === stream) this.end();
  }

  private obey(command: RunCommand): void {
    if (command.type === 'uploads') {
      this.question = undefined;
      this.links.resolve(command.uploads);
    }
    if (command.type === 'logged') this.log.stored(command.line);
    if (command.type === 'cancel') this.end();
    if (command.type === 'settled') this.settle();
  }

  private settle(): void {
    this.how = 'settled';
    this.settled.resolve();
  }

  private async askForLinks(files: RunOutcome['files']): Promise<readonly Upload[]> {
    this.links = Promise.withResolvers();
    this.stop.signal.throwIfAborted();
    this.question = { type: 'outputs', files: [...files] };
    await this.report(this.question);
    return this.links.promise;
  }

  private startTimer(seconds: number, spentMs = 0): NodeJS.Timeout | undefined {
    if (seconds === 0) return undefined;
    const sentence = `The run took longer than its limit of ${seconds} s and was stopped.`;
    // 2^31-1 ms (24 days) is the longest timer.
    const leftMs = Math.min(seconds * 1000 - spentMs, 2 ** 31 - 1);
    return setTimeout(() => this.stop.abort(new RunFailure(sentence)), leftMs);
  }

  private reportProgress(report: Reported<'progress'>): void {
    this.progress = report;
    void this.report(report);
  }

  private async reportLast(report: Exclude<End, undefined>): Promise<void> {
    this.progress = undefined;
    this.log.flush();
    this.last = report;
    // An older runtime does not know `returned`, and runs again what ends without a report.
    if (this.holdSeconds > 0 || report.type !== 'returned') await this.report(report);
    if (this.holdSeconds > 0) return;
    this.stream?.end();
    this.settle();
  }

  private async report(report: RunReport): Promise<void> {
    if (this.stream) await writeLine(this.stream, report);
  }
}
