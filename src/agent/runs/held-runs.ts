import type { ServerHttp2Stream } from 'node:http2';

import { Logger } from '@nestjs/common';

import type { RunOrder } from '../../contract/index.js';
import { withinScope } from '../../telemetry/index.js';
import { HeldRun, type RunAgent } from './held-run.js';
import type { OnlyRun } from './only-run.js';
import { RunFolder } from './run-folder.js';
import { type EndedRun, type RunRecord, RunRecords } from './run-records.js';
import { answerOrder, type RunName, serveRuns } from './run-stream.js';
import { wholeRun } from './run-work.js';

const logger = new Logger('Agent');

/** The runs of this agent, by task; each lasts until the runtime has settled it, over any number of connections. */
export class HeldRuns {
  private readonly runs = new Map<string, HeldRun>();
  private readonly performing = new Set<Promise<void>>();
  private readonly agent: RunAgent;
  private readonly records: RunRecords;
  private isDraining = false;

  /** @param only the run that this agent was started for; default: it takes any. */
  constructor(
    agent: Omit<RunAgent, 'work'>,
    private readonly only?: OnlyRun,
  ) {
    this.agent = { ...agent, work: only?.work ?? wholeRun(agent.workDir) };
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
    const { begun } = this.agent.work;
    if (begun && this.only?.takes(begun.order)) this.begin(begun.order);
  }

  /** For the hello of a connection. */
  list(): RunName[] {
    return [...this.runs.values()].map(({ taskId, attempt }) => ({ task_id: taskId, attempt }));
  }

  /** Serves a stream of the tunnel, which begins with an order, or attaches to a run that goes on. */
  async serve(stream: ServerHttp2Stream): Promise<void> {
    await serveRuns(stream, {
      begin: async (order, given) => {
        if (this.takes(order, given.terms.holdSeconds)) this.begin(order).attach(given);
        else await answerOrder(stream, { type: 'returned' });
      },
      find: ({ task_id, attempt }) => {
        const run = this.runs.get(task_id);
        return run?.attempt === attempt ? run : undefined;
      },
    });
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

  private takes(order: RunOrder, holdSeconds: number): boolean {
    if (this.only) return !this.isDraining && this.only.takes(order);
    // It was sent before the runtime learned of the drain; an older runtime never does.
    return !this.isDraining || holdSeconds === 0;
  }

  private begin(order: RunOrder): HeldRun {
    const run = new HeldRun(heldPartOf(order), this.agent, this.records.next());
    const { task_id: taskId, trace } = order;
    const performed = withinScope({ taskId, trace }, () => run.perform(order));
    this.keep(
      run,
      performed.then(() => this.only?.hasEnded(run.ending)),
    );
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
