import type { ServerHttp2Stream } from 'node:http2';

import { Logger } from '@nestjs/common';

import { runCommand, type RunCommand, type RunOrder, type RunReport } from '../../contract/index.js';
import { readLines, writeLine } from '../../tunnel/index.js';
import type { RunContext } from './execute-run.js';
import { HeldRun } from './held-run.js';

const logger = new Logger('Agent');

/** The runs of this agent, by task; each lasts until the runtime has settled it, over any number of connections. */
export class HeldRuns {
  private readonly runs = new Map<string, HeldRun>();
  private readonly performing = new Set<Promise<void>>();

  constructor(private readonly agent: Pick<RunContext, 'workDir' | 'executor' | 'bundles'>) {}

  /** For the hello of a connection. */
  list(): { task_id: string; attempt: number }[] {
    return [...this.runs.values()].map(({ taskId, attempt }) => ({ task_id: taskId, attempt }));
  }

  /** Serves a stream of the tunnel, which begins with an order, or attaches to a run that goes on. */
  async serve(stream: ServerHttp2Stream): Promise<void> {
    const commands = readLines(stream);
    try {
      const first = runCommand.parse((await commands.next()).value);
      const run = this.runFor(first);
      if (run) run.attach(stream, commands, ('hold_seconds' in first && first.hold_seconds) || 0);
      else stream.respond({ ':status': 404 }, { endStream: true });
    } catch (error) {
      logger.warn({ message: 'a run order could not be served', error });
      await refuse(stream);
    }
  }

  /** Ends all runs; resolves when their processes have ended. */
  async end(): Promise<void> {
    for (const run of this.runs.values()) run.end();
    await Promise.all(this.performing);
  }

  private runFor(first: RunCommand): HeldRun | undefined {
    if (first.type === 'order') return this.begin(first.order);
    if (first.type !== 'attach') throw new Error(`the first line is ${first.type}, not order or attach`);
    const run = this.runs.get(first.task_id);
    return run?.attempt === first.attempt ? run : undefined;
  }

  private begin(order: RunOrder): HeldRun {
    // The runtime has given up an earlier attempt.
    this.runs.get(order.task_id)?.end();
    const run = new HeldRun(order, this.agent);
    this.runs.set(order.task_id, run);
    const performed = run.perform().finally(() => {
      if (this.runs.get(order.task_id) === run) this.runs.delete(order.task_id);
      this.performing.delete(performed);
    });
    this.performing.add(performed);
    return run;
  }
}

/** Reports that the order is not understood; without a report the runtime would repeat the order. */
async function refuse(stream: ServerHttp2Stream): Promise<void> {
  if (stream.destroyed) return;
  if (!stream.headersSent) stream.respond({ ':status': 200 });
  const error =
    'The agent cannot read the order of the runtime. Use the same version of cyberun-mcp for both; see the log of the agent.';
  await writeLine(stream, { type: 'failed', error, is_final: true } satisfies RunReport);
  stream.end();
  stream.close();
}
