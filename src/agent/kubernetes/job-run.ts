import type { ClientHttp2Stream, ServerHttp2Stream } from 'node:http2';

import type { V1Job } from '@kubernetes/client-node';
import { Logger } from '@nestjs/common';

import { errorText } from '../../config/index.js';
import {
  AGENT_PATHS,
  parseExact,
  runCommand,
  type RunCommand,
  type RunOrder,
  type RunReport,
} from '../../contract/index.js';
import { keepRunning, readLines, writeLine } from '../../tunnel/index.js';
import type { End } from '../runs/run-end.js';
import type { RunName, RunTerms } from '../runs/run-stream.js';
import type { BundleArchives } from './bundle-archives.js';
import { type Cluster, ClusterRefusal } from './cluster.js';
import type { JobProfile } from './job-profiles.js';
import type { PodConnection } from './pod-gateway.js';
import type { PodStanding } from './pod-standing.js';
import { jobName, type JobSettings, runJob, runSecret } from './run-job.js';
import type { RunTokens } from './run-token.js';
import { StartWatch } from './start-watch.js';

const logger = new Logger('Kubernetes');
const DELAYS = { firstMs: 500, longestMs: 10_000, isSpread: true };

/** What the runs of an agent share. */
export interface JobAgent {
  readonly cluster: Cluster;
  readonly settings: JobSettings;
  readonly tokens: RunTokens;
  readonly bundles: BundleArchives;
  /** Aborted when the agent ends, which its Jobs outlast. */
  readonly signal: AbortSignal;
}

/** A run that is to begin. */
export interface NewRun {
  readonly order: RunOrder;
  readonly profile: JobProfile;
}

/**
 * A run in a pod. It stands between the runtime and the agent in the pod, and passes on what each says; only a report of that agent
 * completes the run. It reports itself how a run ended whose pod cannot: that never began, or was ended.
 */
export class JobRun {
  private readonly stop = new AbortController();
  private readonly ended = Promise.withResolvers<void>();
  private readonly start: StartWatch;
  private stream: ServerHttp2Stream | undefined;
  private terms: RunTerms = { holdSeconds: 0, logBytes: 0 };
  private pod: PodConnection | undefined;
  private link: ClientHttp2Stream | undefined;
  private alone: NodeJS.Timeout | undefined;
  private making: Promise<void> = Promise.resolve();
  private removing: Promise<void> | undefined;
  private last: Exclude<End, undefined> | undefined;
  private order: RunOrder | undefined;
  private hasStarted = false;
  private isOver = false;

  /** @param wanted `undefined`: a former process of the agent has begun the run. */
  constructor(
    readonly name: RunName,
    private readonly agent: JobAgent,
    wanted?: NewRun,
  ) {
    this.order = wanted?.order;
    this.start = new StartWatch(wanted?.profile.startSeconds);
    if (wanted) this.making = this.make(wanted);
  }

  get jobName(): string {
    return jobName(this.name);
  }
  /** Whether its pod may still connect. */
  get isWanted(): boolean {
    return !this.isOver;
  }
  /** Whether it is with its pod, which goes on without this process. */
  get isWithPod(): boolean {
    return this.order === undefined;
  }
  /** Resolves when nothing of it is left to do; its finished Job is left to Kubernetes. */
  get over(): Promise<void> {
    return this.ended.promise;
  }

  /** Passes reports to this stream from now on, beginning with what still matters, and its commands to the pod. */
  attach(stream: ServerHttp2Stream, commands: AsyncGenerator, terms: RunTerms): void {
    clearTimeout(this.alone);
    const former = this.stream;
    this.stream = stream;
    this.terms = terms;
    former?.close();
    if (stream.destroyed) return this.detach(stream);
    stream.once('close', () => this.detach(stream));
    stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' });
    void this.follow(stream, commands);
    if (this.last) void this.repeatLast(stream, this.last);
    else this.join();
  }

  /** The agent in the pod has connected. */
  connected(pod: PodConnection): void {
    this.pod = pod;
    this.start.begun();
    this.join();
  }

  /** What Kubernetes says about the pod. */
  observe(standing: PodStanding): void {
    if (this.isOver || this.last) return;
    if (standing.is === 'failed') this.fail(standing.error);
    else if (standing.is === 'interrupted') this.interrupt(standing.reason);
    else if (standing.is === 'running') this.start.begun();
    else this.giveUpOn(this.start.problem(standing));
  }

  /** What Kubernetes says about the Job, when it has no pod; `undefined`: there is no Job either. */
  observeJob(job: V1Job | undefined): void {
    if (this.isOver || this.last) return;
    const { problem, interruption } = this.start.withoutPod(this.jobName, job);
    if (interruption !== undefined) this.interrupt(interruption);
    else this.giveUpOn(problem);
  }

  /** Ends the run without a report, for a runtime that does not want it any more; its Job is removed. */
  end(): void {
    if (this.isOver) return;
    this.close();
    const { link, stream } = this;
    if (link) void writeLine(link, { type: 'cancel' } satisfies RunCommand);
    void this.remove().finally(() => {
      stream?.end(() => stream.close());
      this.ended.resolve();
    });
  }

  /** Gives the run back to the runtime, since its pod does not have it yet. */
  giveBack(): void {
    if (this.isOver || this.last) return;
    void this.remove();
    void this.report({ type: 'returned' });
    if (!this.stream) this.finish();
  }

  /** Lets go of the run, which goes on in its pod. */
  leave(): void {
    // Also of the streams that end behind this.
    this.close();
  }

  private async make({ order, profile }: NewRun): Promise<void> {
    const { cluster, settings, tokens } = this.agent;
    const job = runJob(this.name, settings, profile, order.timeout_seconds);
    const made = new AbortController();
    const tryOnce = async (): Promise<void> => {
      try {
        const owner = await cluster.createJob(job);
        await cluster.createSecret(runSecret(this.name, owner, tokens.of(this.name)));
        made.abort();
      } catch (error) {
        const message = errorText(error);
        logger.warn(`${this.jobName} is not made: ${message}`);
        if (!(error instanceof ClusterRefusal)) return;
        made.abort();
        this.giveUpOn(`Kubernetes refused the Job of the run: ${message.replace(/\.$/, '')}.`);
      }
    };
    await keepRunning(tryOnce, AbortSignal.any([made.signal, this.stop.signal, this.agent.signal]), DELAYS);
  }

  /** Connects the two ends, once both are there. */
  private join(): void {
    const { stream, pod } = this;
    if (!stream || !pod || this.last || this.isOver) return;
    this.relay(stream, pod).catch((error: unknown) => {
      // The pod dials again, or Kubernetes says what became of it.
      logger.warn({ message: `the pod of ${this.jobName} was lost`, error });
    });
  }

  private async relay(stream: ServerHttp2Stream, pod: PodConnection): Promise<void> {
    const { order } = this;
    if (!pod.hasRun && !order) return this.giveBack();
    if (!pod.hasRun && order?.bundle) await this.agent.bundles.passOn(order.bundle, pod.session);
    if (this.stream !== stream || this.pod !== pod || this.isOver) return;
    const link = pod.session.request({ ':method': 'POST', ':path': AGENT_PATHS.runs });
    link.on('error', () => undefined);
    this.link?.close();
    this.link = link;
    await writeLine(link, pod.hasRun || !order ? this.attachCommand : this.orderCommand(order));
    for await (const line of readLines(link, parseExact)) {
      if (this.link !== link) return;
      // The order need not be kept for another connection.
      this.order = undefined;
      this.pod = { ...pod, hasRun: true };
      await this.pass(line as RunReport);
    }
  }

  private get attachCommand(): RunCommand {
    return { type: 'attach', ...this.name, ...this.commandTerms };
  }
  private orderCommand(order: RunOrder): RunCommand {
    return { type: 'order', order, ...this.commandTerms };
  }
  private get commandTerms() {
    return { hold_seconds: this.terms.holdSeconds, log_bytes: this.terms.logBytes };
  }

  private async pass(report: RunReport): Promise<void> {
    if (report.type === 'started') this.hasStarted = true;
    if (report.type === 'completed' || report.type === 'failed' || report.type === 'returned')
      this.last = report;
    if (this.stream) await writeLine(this.stream, report);
  }

  private async follow(stream: ServerHttp2Stream, commands: AsyncGenerator): Promise<void> {
    try {
      for await (const line of commands) {
        if (this.stream !== stream) return;
        this.obey(runCommand.parse(line));
      }
    } catch (error) {
      logger.debug(`the commands of ${this.jobName} have ended: ${errorText(error)}`);
    }
    if (this.terms.holdSeconds === 0 && this.stream === stream) this.end();
  }

  private obey(command: RunCommand): void {
    if (command.type === 'cancel') this.end();
    else if (command.type === 'settled') this.settle(command);
    else if (this.link) void writeLine(this.link, command);
  }

  /** The runtime has the last report; the pod ends when it learns of it. */
  private settle(command: RunCommand): void {
    const { link } = this;
    this.link = undefined;
    if (link) void writeLine(link, command).then(() => link.end());
    this.finish();
  }

  private detach(stream: ServerHttp2Stream): void {
    if (this.stream !== stream) return;
    this.stream = undefined;
    // The pod, too, counts how long it has been alone.
    this.link?.close();
    this.link = undefined;
    if (this.isOver) return;
    if (this.terms.holdSeconds === 0) this.end();
    else this.alone = setTimeout(() => this.end(), this.terms.holdSeconds * 1000);
  }

  private async repeatLast(stream: ServerHttp2Stream, last: RunReport): Promise<void> {
    if (this.hasStarted || last.type === 'completed') await writeLine(stream, { type: 'started' });
    await writeLine(stream, last);
  }

  private async report(last: Exclude<End, undefined>): Promise<void> {
    this.last = last;
    if (!this.stream) return;
    await writeLine(this.stream, last);
    if (this.terms.holdSeconds > 0) return;
    this.stream.end();
    this.finish();
  }

  /** @param problem why the run cannot begin, if so. */
  private giveUpOn(problem: string | undefined): void {
    if (problem === undefined) return;
    this.fail(problem);
    void this.remove();
  }

  private fail(error: string): void {
    logger.warn(`${this.jobName} has failed: ${error}`);
    void this.report({ type: 'failed', error });
  }

  /** The runtime runs again what ends without a report. */
  private interrupt(reason: string): void {
    logger.warn(`${this.jobName} was interrupted: ${reason}`);
    void this.remove();
    this.finish();
  }

  private finish(): void {
    if (this.isOver) return;
    this.close();
    const { stream } = this;
    stream?.end(() => stream.close());
    void Promise.resolve(this.removing).finally(() => this.ended.resolve());
  }

  private close(): void {
    this.isOver = true;
    this.stop.abort();
    clearTimeout(this.alone);
  }

  private remove(): Promise<void> {
    const { cluster, signal } = this.agent;
    // A Job whose creation is under way would be made behind its removal.
    this.stop.abort();
    this.removing ??= this.making.then(() => cluster.removeJob(this.jobName, signal));
    return this.removing;
  }
}
