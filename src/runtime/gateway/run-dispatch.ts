import type { ClientHttp2Stream } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';

import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';

import { CONFIG, type Config, errorText } from '../../config/index.js';
import {
  AGENT_PATHS,
  type AgentHello,
  type OutputFile,
  parseExact,
  type RunCommand,
  runReport,
} from '../../contract/index.js';
import { readLines, writeLine } from '../../tunnel/index.js';
import { BundlesService } from '../bundles/index.js';
import { DatabaseUnavailable, logFailure, whenReachable } from '../database/index.js';
import { FilesService, InputGone } from '../files/index.js';
import { LogWriter } from '../logs/index.js';
import { type ClaimedRun, RunReports } from '../tasks/index.js';
import type { ConnectedAgent } from './connected-agent.js';
import { checked, failedRunEnd, InputMissing, isFinal, type RunEnd, shortened } from './run-end.js';
import { RunOutputs, RunRejected } from './run-outputs.js';

/** Time for an agent to cancel a run before its stream is closed. */
const CANCEL_LIMIT_MS = 5000;

/** A run as an agent names it in its hello. */
export type HeldRunName = AgentHello['runs'][number];

/** A run, its agent, and its output files. */
interface DispatchedRun {
  readonly agent: ConnectedAgent;
  readonly run: ClaimedRun;
  readonly outputs: RunOutputs;
}

/** Sends a run to an agent and applies its reports to the task. */
@Injectable()
export class RunDispatch implements OnModuleDestroy {
  private readonly logger = new Logger('Gateway');
  private readonly closing = new AbortController();
  @Inject(LogWriter) private readonly logs!: LogWriter;

  constructor(
    private readonly reports: RunReports,
    private readonly files: FilesService,
    @Inject(CONFIG) private readonly config: Config,
    private readonly bundles: BundlesService,
  ) {}

  /**
   * Resolves when the run has ended in any way, or another node has it.
   *
   * @param isAttached whether the agent has the run already.
   */
  async perform(agent: ConnectedAgent, run: ClaimedRun, isAttached = false): Promise<void> {
    try {
      await this.performOrThrow(agent, run, isAttached);
    } catch (error) {
      // The task still names this node, which then runs it again: see TaskReconciliation.
      this.reports.release(run);
      if (agent.isConnected) this.drop(agent, nameOf(run));
      throw error;
    }
  }

  private async performOrThrow(agent: ConnectedAgent, run: ClaimedRun, isAttached: boolean): Promise<void> {
    const { filesOutputCount, filesOutputBytes } = this.config;
    const limits = { files: filesOutputCount, bytes: filesOutputBytes };
    const outputs = new RunOutputs(run, agent.audience, this.files, limits);
    const given = { agent, run, outputs };
    const isOver = await this.run(given, isAttached).catch((error: unknown) => this.broken(given, error));
    if (isOver || run.signal.aborted || this.closing.signal.aborted) return;
    // A connection that is still there has ended the stream without a report.
    const departure = agent.isConnected ? undefined : await agent.closed;
    if (departure === 'lost' && !(await this.isLeaseOver(run))) return;
    if (agent.isConnected) this.drop(agent, nameOf(run));
    if (departure === 'goodbye') await this.reports.returned(run);
    else await this.reports.interrupted(run);
  }

  /** Ends a run that the agent has, and no task. */
  drop(agent: ConnectedAgent, run: HeldRunName): void {
    const stream = openStream(agent);
    void send(stream, { type: 'attach', ...run });
    cancelRun(stream);
  }

  /**
   * At shutdown, runs are left to the node that their agents reach next. Before the other hooks of the shutdown, since the
   * dispatcher waits there for every run.
   */
  onModuleDestroy(): void {
    this.closing.abort();
  }

  /** Waits for the agent to come back; it is then given to the run anew, here or on another node, which aborts this one. */
  private async isLeaseOver(run: ClaimedRun): Promise<boolean> {
    const signal = AbortSignal.any([run.signal, this.closing.signal]);
    return delay(this.config.runsLeaseSeconds * 1000, true, { signal, ref: false }).catch(() => false);
  }

  private async record(given: DispatchedRun, end: RunEnd): Promise<void> {
    if (given.run.signal.aborted) return;
    if (end.type === 'completed') await this.succeed(given, end);
    else if (end.type === 'returned') await this.reports.returned(given.run);
    else await this.reports.failed(given.run, shortened(end.error), end);
  }

  private async succeed(
    { run, outputs }: DispatchedRun,
    { output, files, warnings }: Extract<RunEnd, { type: 'completed' }>,
  ): Promise<void> {
    try {
      await this.reports.completed(run, output ?? null, outputs.stored(files), { warnings });
    } catch (error) {
      // The agent keeps its report for the node that it reaches next.
      if (error instanceof DatabaseUnavailable) throw error;
      this.logger.error({ message: `the result of task ${run.taskId} could not be stored`, error });
      // A retry could not be stored either.
      const sentence = 'The run succeeded, but its result could not be stored; see the log of the server.';
      await this.reports.failed(run, sentence, { is_final: true });
    }
  }

  /** Returns whether the run has ended; `false` when the agent was lost before. */
  private async run(given: DispatchedRun, isAttached: boolean): Promise<boolean> {
    const { agent, run } = given;
    const first = isAttached ? attach(run, this.terms) : await this.order(given);
    if (!agent.isConnected || run.signal.aborted) return false;
    const stream = openStream(agent);
    const cancel = (): void => cancelRun(stream);
    run.signal.addEventListener('abort', cancel, { once: true });
    try {
      await send(stream, first);
      const end = await this.follow(stream, given);
      if (!end) return false;
      await this.record(given, end);
      await send(stream, { type: 'settled' });
      return true;
    } catch (error) {
      if (isFinal(error)) await send(stream, { type: 'cancel' });
      throw error;
    } finally {
      run.signal.removeEventListener('abort', cancel);
      stream.close();
    }
  }

  private async order({ agent, run, outputs }: DispatchedRun): Promise<RunCommand> {
    const files = await this.inputs(agent, run).catch((error: unknown) => {
      if (error instanceof InputGone) throw new InputMissing(error.message);
      this.logger.error({ message: `the input files of task ${run.taskId} could not be found`, error });
      throw new InputMissing(
        'The runtime could not find the input files of the run; see the log of the server.',
      );
    });
    const { bundle } = run.order;
    if (bundle && agent.isConnected) await this.bundles.deliver(agent.session, bundle);
    const order = { ...run.order, files, output_limits: outputs.limits };
    return { type: 'order', order, ...this.terms };
  }

  /** Held for less than the lease, so that no run goes on that was given to another agent. */
  private get terms() {
    const { runsLeaseSeconds, tasksLogBytes } = this.config;
    return { hold_seconds: runsLeaseSeconds / 2, log_bytes: tasksLogBytes, takes_waits: true };
  }

  /** The end that the agent has reported; `undefined` when the stream ended before. */
  private async follow(
    stream: ClientHttp2Stream,
    { run, outputs }: DispatchedRun,
  ): Promise<RunEnd | undefined> {
    for await (const line of readLines(stream, parseExact)) {
      const report = runReport.parse(line);
      if (report.type === 'failed' || report.type === 'returned') return report;
      if (report.type === 'completed') return checked(report);
      if (report.type === 'waiting') await this.tryWrite(run, this.reports.waits(run, report.reason));
      if (report.type === 'started') await this.reports.started(run);
      if (report.type === 'progress') {
        const { type: _type, ...progress } = report;
        await this.tryWrite(run, this.reports.progress(run, progress));
      }
      if (report.type === 'log')
        await this.logs.accept(run, report.chunks, (line) => void send(stream, { type: 'logged', line }));
      if (report.type === 'outputs') await send(stream, await this.links(run, outputs, report.files));
    }
    return undefined;
  }

  private async links(
    run: ClaimedRun,
    outputs: RunOutputs,
    files: readonly OutputFile[],
  ): Promise<RunCommand> {
    try {
      const signal = AbortSignal.any([run.signal, this.closing.signal]);
      await whenReachable(() => outputs.announce(files), signal);
      return await outputs.links(files);
    } catch (error) {
      if (error instanceof RunRejected || error instanceof DatabaseUnavailable) throw error;
      this.logger.error({ message: 'upload links could not be made', error });
      throw new RunRejected('The runtime could not store the files of the run; see the log of the server.');
    }
  }

  /** An agent that was lost may come back; a run that cannot succeed is failed. Returns whether the run has ended. */
  private async broken(given: DispatchedRun, error: unknown): Promise<boolean> {
    const { agent, run } = given;
    const { agentId } = agent;
    if (isFinal(error)) {
      await this.record(given, failedRunEnd(agentId, error));
      return true;
    }
    this.logger.warn(`task ${run.taskId} has lost agent ${agentId}: ${errorText(error)}`);
    return false;
  }

  /** A report on how far a run is that cannot be written does not fail it. */
  private async tryWrite({ taskId }: ClaimedRun, writing: Promise<void>): Promise<void> {
    await writing.catch((error: unknown) => {
      logFailure(this.logger, `a report about task ${taskId} was not written`, error);
    });
  }

  private inputs(agent: ConnectedAgent, run: ClaimedRun) {
    return Promise.all(
      run.fileParameters.map(async ({ parameter, fileKey }) => {
        const { url, fileName } = await this.files.inputLink(run.teamId, fileKey, agent.audience);
        return { parameter, file_name: fileName, url };
      }),
    );
  }
}

const nameOf = ({ taskId, attempt }: ClaimedRun): HeldRunName => ({ task_id: taskId, attempt });

const attach = (run: ClaimedRun, terms: RunDispatch['terms']): RunCommand => ({
  type: 'attach',
  ...nameOf(run),
  ...terms,
});

/** Its errors show as the end of its lines. */
function openStream({ session }: ConnectedAgent): ClientHttp2Stream {
  const stream = session.request({ ':method': 'POST', ':path': AGENT_PATHS.runs });
  stream.on('error', () => undefined);
  return stream;
}

function send(stream: ClientHttp2Stream, command: RunCommand): Promise<void> {
  return writeLine(stream, command);
}

/** Sends `cancel`, so that the agent can end the run and report it; closes the stream when it does not. */
function cancelRun(stream: ClientHttp2Stream): void {
  void send(stream, { type: 'cancel' });
  const forced = setTimeout(() => stream.close(8), CANCEL_LIMIT_MS);
  stream.once('close', () => clearTimeout(forced));
}
