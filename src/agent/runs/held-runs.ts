import type { ServerHttp2Stream } from 'node:http2';

import { Logger } from '@nestjs/common';

import { runCommand, type RunCommand, type RunOrder, type RunReport } from '../../contract/index.js';
import { readLines, writeLine } from '../../tunnel/index.js';
import { HeldRun, type RunAgent } from './held-run.js';
import { RunFolder } from './run-folder.js';
import { type EndedRun, type RunRecord, RunRecords } from './run-records.js';

const logger = new Logger('Agent');

/** The runs of this agent, by task; each lasts until the runtime has settled it, over any number of connections. */
export class HeldRuns {
  private readonly runs = new Map<string, HeldRun>();
  private readonly performing = new Set<Promise<void>>();
  private readonly records: RunRecords;
  private isDraining = false;

  constructor(private readonly agent: RunAgent) {
    this.records = new RunRecords(agent.workDir);
  }

  /**
   * Takes over the work folder of an earlier agent: goes on with its runs that have ended and were not delivered, and
   * removes the folders of the others.
   */
  async takeOver(): Promise<void> {
    const left = this.records.left();
    const except = left.flatMap(({ ended: { end } }) => (end.type === 'outputs' ? [end.folder] : []));
    await RunFolder.removeAll(this.agent.workDir, { except });
    for (const { record, ended } of left) this.resume(record, ended);
    if (left.length > 0)
      logger.log(`${left.length} runs of an earlier agent have ended and are reported now`);
  }

  /** For the hello of a connection. */
  list(): { task_id: string; attempt: number }[] {
    return [...this.runs.values()].map(({ taskId, attempt }) => ({ task_id: taskId, attempt }));
  }

  /** Serves a stream of the tunnel, which begins with an order, or attaches to a run that goes on. */
  async serve(stream: ServerHttp2Stream): Promise<void> {
    const commands = readLines(stream);
    try {
      const first = runCommand.parse((await commands.next()).value);
      const terms = termsOf(first);
      // It was sent before the runtime learned of the drain; an older runtime never does.
      if (first.type === 'order' && this.isDraining && terms.holdSeconds > 0) {
        await answer(stream, { type: 'returned' });
        return;
      }
      const run = this.runFor(first);
      if (run) run.attach(stream, commands, terms);
      else stream.respond({ ':status': 404 }, { endStream: true });
    } catch (error) {
      logger.warn({ message: 'a run order could not be served', error });
      await refuse(stream);
    }
  }

  /** Takes no further runs. */
  drain(): void {
    this.isDraining = true;
  }

  /** Resolves when there is no run left, and the runtime has every report. */
  async finished(): Promise<void> {
    while (this.performing.size > 0) await Promise.all(this.performing);
  }

  /** Ends all runs and gives them back to the runtime. */
  giveBack(): void {
    for (const run of this.runs.values()) run.giveBack();
  }

  /** Ends all runs; resolves when their processes have ended. Reports that are not settled are for the next agent. */
  async end(): Promise<void> {
    for (const run of this.runs.values()) run.leave();
    await Promise.all(this.performing);
  }

  private runFor(first: RunCommand): HeldRun | undefined {
    if (first.type === 'order') return this.begin(first.order);
    if (first.type !== 'attach') throw new Error(`the first line is ${first.type}, not order or attach`);
    const run = this.runs.get(first.task_id);
    return run?.attempt === first.attempt ? run : undefined;
  }

  private begin(order: RunOrder): HeldRun {
    const run = new HeldRun(heldPartOf(order), this.agent, this.records.next());
    this.keep(run, run.perform(order));
    return run;
  }

  private resume(record: RunRecord, ended: EndedRun): void {
    const run = new HeldRun(ended.run, this.agent, record, ended);
    this.keep(run, run.resume(ended.end));
  }

  private keep(run: HeldRun, work: Promise<void>): void {
    // The runtime has given up an earlier attempt.
    this.runs.get(run.taskId)?.end();
    this.runs.set(run.taskId, run);
    const performed = work.finally(() => {
      if (this.runs.get(run.taskId) === run) this.runs.delete(run.taskId);
      this.performing.delete(performed);
    });
    this.performing.add(performed);
  }
}

/** The order without what only its execution needs. */
const heldPartOf = ({ task_id, attempt, timeout_seconds, output_limits }: RunOrder): EndedRun['run'] => ({
  task_id,
  attempt,
  timeout_seconds,
  output_limits,
});

/** What the runtime offers; an older one offers nothing. */
function termsOf(first: RunCommand): { readonly holdSeconds: number; readonly logBytes: number } {
  if (first.type !== 'order' && first.type !== 'attach') return { holdSeconds: 0, logBytes: 0 };
  return { holdSeconds: first.hold_seconds ?? 0, logBytes: first.log_bytes ?? 0 };
}

/** Reports that the order is not understood; without a report the runtime would repeat the order. */
function refuse(stream: ServerHttp2Stream): Promise<void> {
  const error =
    'The agent cannot read the order of the runtime. Use the same version of cyberun-mcp for both; see the log of the agent.';
  return answer(stream, { type: 'failed', error, is_final: true });
}

/** Answers an order that is not begun. */
async function answer(stream: ServerHttp2Stream, report: RunReport): Promise<void> {
  if (stream.destroyed) return;
  if (!stream.headersSent) stream.respond({ ':status': 200 });
  await writeLine(stream, report);
  stream.end();
  stream.close();
}
