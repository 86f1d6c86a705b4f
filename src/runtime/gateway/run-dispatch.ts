import type { ClientHttp2Stream } from 'node:http2';

import { Inject, Injectable, Logger } from '@nestjs/common';
import { ZodError } from 'zod';

import { CONFIG, type Config } from '../../config/index.js';
import {
  AGENT_PATHS,
  isNestedDeeper,
  OUTPUT_DEPTH_LIMIT,
  type OutputFile,
  parseExact,
  type RunCommand,
  runReport,
  type RunReport,
} from '../../contract/index.js';
import { InvalidLine, readLines, writeLine } from '../../tunnel/index.js';
import { BundleRejected, BundlesService } from '../bundles/index.js';
import { logFailure } from '../database/index.js';
import { FilesService } from '../files/index.js';
import { type ClaimedRun, RunReports } from '../tasks/index.js';
import type { ConnectedAgent } from './connected-agent.js';
import { RunOutputs, RunRejected } from './run-outputs.js';

/** Time for an agent to cancel a run before its stream is closed. */
const CANCEL_LIMIT_MS = 5000;
const FAILURE_LIMIT = 16_384;
/** Of a long error its beginning and its end are kept. */
const FAILURE_BEGINNING = 1024;

/** How a run has ended. */
type RunEnd = Extract<RunReport, { type: 'completed' | 'failed' }> | { readonly type: 'interrupted' };

/** A run, its agent, and its output files. */
interface DispatchedRun {
  readonly agent: ConnectedAgent;
  readonly run: ClaimedRun;
  readonly outputs: RunOutputs;
}

/** Sends a run to an agent and applies its reports to the task. */
@Injectable()
export class RunDispatch {
  private readonly logger = new Logger('Gateway');

  constructor(
    private readonly reports: RunReports,
    private readonly files: FilesService,
    @Inject(CONFIG) private readonly config: Config,
    private readonly bundles: BundlesService,
  ) {}

  /** Resolves when the run has ended in any way. */
  async perform(agent: ConnectedAgent, run: ClaimedRun): Promise<void> {
    const { filesOutputCount, filesOutputBytes } = this.config;
    const limits = { files: filesOutputCount, bytes: filesOutputBytes };
    const outputs = new RunOutputs(run, agent.audience, this.files, limits);
    const given = { agent, run, outputs };
    const verdict = await this.run(given).catch((error: unknown) => this.broken(given, error));
    if (run.signal.aborted) return;
    if (verdict.type === 'interrupted') await this.reports.interrupted(run);
    else if (verdict.type === 'completed') await this.succeed(given, verdict);
    else await this.reports.failed(run, shortened(verdict.error), verdict);
  }

  private async succeed(
    { run, outputs }: DispatchedRun,
    { output, files, warnings, log }: Extract<RunEnd, { type: 'completed' }>,
  ): Promise<void> {
    try {
      await this.reports.completed(run, output ?? null, outputs.stored(files), { warnings, log });
    } catch (error) {
      this.logger.error({ message: `the result of task ${run.taskId} could not be stored`, error });
      // A retry could not be stored either.
      const sentence = 'The run succeeded, but its result could not be stored; see the log of the server.';
      await this.reports.failed(run, sentence, { log, is_final: true });
    }
  }

  private async run(given: DispatchedRun): Promise<RunEnd> {
    const { agent, run, outputs } = given;
    const files = await this.inputs(agent, run).catch((error: unknown) => (error as Error).message);
    if (typeof files === 'string') return { type: 'failed', error: files };
    if (!agent.isConnected || run.signal.aborted) return { type: 'interrupted' };
    const { bundle } = run.order;
    if (bundle) await this.bundles.deliver(agent.session, bundle);
    const stream = agent.session.request({ ':method': 'POST', ':path': AGENT_PATHS.runs });
    stream.on('error', () => undefined);
    const cancel = (): void => cancelRun(stream);
    run.signal.addEventListener('abort', cancel, { once: true });
    try {
      const order = { ...run.order, files, output_limits: outputs.limits };
      await send(stream, { type: 'order', order });
      return await this.follow(stream, given);
    } finally {
      run.signal.removeEventListener('abort', cancel);
      stream.close();
    }
  }

  private async follow(stream: ClientHttp2Stream, { run, outputs }: DispatchedRun): Promise<RunEnd> {
    for await (const line of readLines(stream, parseExact)) {
      const report = runReport.parse(line);
      if (report.type === 'failed') return report;
      if (report.type === 'completed') return checked(report);
      if (report.type === 'started') await this.reports.started(run);
      if (report.type === 'progress') await this.reportProgress(run, report);
      if (report.type === 'outputs') await send(stream, await this.links(outputs, report.files));
    }
    return { type: 'interrupted' };
  }

  private async links(outputs: RunOutputs, files: readonly OutputFile[]): Promise<RunCommand> {
    try {
      return await outputs.links(files);
    } catch (error) {
      if (error instanceof RunRejected) throw error;
      this.logger.error({ message: 'upload links could not be made', error });
      throw new RunRejected('The runtime could not store the files of the run; see the log of the server.');
    }
  }

  /** A run whose agent has disconnected is repeated; one with unreadable reports would fail in the same way. */
  private broken({ agent, run }: DispatchedRun, error: unknown): RunEnd {
    const { agentId } = agent;
    if (error instanceof BundleRejected)
      return { type: 'failed', error: `Agent ${agentId}: ${error.message}.` };
    if (error instanceof RunRejected) return { type: 'failed', error: error.message, is_final: true };
    const isUnreadable = error instanceof InvalidLine || error instanceof ZodError;
    const what = isUnreadable ? 'sent an unreadable report' : 'was interrupted';
    this.logger.warn(`task ${run.taskId} ${what} on agent ${agentId}: ${(error as Error).message}`);
    if (!isUnreadable) return { type: 'interrupted' };
    const sentence = `Agent ${agentId} reported this run in a way that the runtime cannot read. Use the same version of cyberun-mcp for both; see the log of the server.`;
    return { type: 'failed', error: sentence, is_final: true };
  }

  /** A progress report that cannot be written does not fail the run. */
  private async reportProgress(
    run: ClaimedRun,
    { type: _type, ...progress }: Extract<RunReport, { type: 'progress' }>,
  ): Promise<void> {
    await this.reports.progress(run, progress).catch((error: unknown) => {
      logFailure(this.logger, `the progress of task ${run.taskId} was not written`, error);
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

/** @throws {RunRejected} when the result is nested too deeply for other programs. */
function checked(report: Extract<RunReport, { type: 'completed' }>): RunEnd {
  if (!isNestedDeeper(report.output, OUTPUT_DEPTH_LIMIT)) return report;
  throw new RunRejected(
    `The result of the run is nested more than ${OUTPUT_DEPTH_LIMIT} levels deep. Write it to a file in output/ instead.`,
  );
}

function shortened(error: string): string {
  if (error.length <= FAILURE_LIMIT) return error;
  return `${error.slice(0, FAILURE_BEGINNING)}\n…\n${error.slice(FAILURE_BEGINNING - FAILURE_LIMIT)}`;
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
