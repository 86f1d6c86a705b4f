import type { V1Job, V1Pod } from '@kubernetes/client-node';
import { Logger } from '@nestjs/common';

import type { RunCommand, RunOrder } from '../../contract/index.js';
import type { End } from '../runs/run-end.js';
import type { RunName, RuntimeStream } from '../runs/run-stream.js';
import type { BundleArchives } from './bundle-archives.js';
import type { Cluster } from './cluster.js';
import type { ContainerRun } from './container-run.js';
import { makeJob } from './job-creation.js';
import type { JobProfile } from './job-profiles.js';
import { removeJob } from './job-removal.js';
import { withMain } from './main-job.js';
import { MainLink } from './main-link.js';
import type { PodConnection } from './pod-gateway.js';
import { PodLink } from './pod-link.js';
import type { PodStanding } from './pod-standing.js';
import { type PodFinding, PodWatch } from './pod-watch.js';
import { jobName, type JobSettings, runJob, runSecret } from './run-job.js';
import type { RunTokens } from './run-token.js';
import { RuntimeLink } from './runtime-link.js';

const logger = new Logger('Kubernetes');

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
  /** When its step is a container. */
  readonly container: ContainerRun | undefined;
}

/**
 * A run in a pod. It stands between the runtime and the agent in the pod, and passes on what each says; only a report of that agent
 * completes the run. It reports itself how a run ended whose pod cannot: that never began, or was ended.
 */
export class JobRun {
  private readonly stop = new AbortController();
  private readonly ended = Promise.withResolvers<void>();
  private readonly watch: PodWatch;
  private readonly runtime: RuntimeLink;
  private readonly pod: PodLink;
  private readonly main: MainLink;
  private making: Promise<void> = Promise.resolve();
  private removing: Promise<void> | undefined;
  private isOver = false;

  /**
   * @param holdSeconds how long it goes on without the runtime.
   * @param wanted `undefined`: a former process of the agent has begun the run, and the runtime is to attach to it.
   */
  constructor(
    readonly name: RunName,
    private readonly agent: JobAgent,
    holdSeconds: number,
    wanted?: NewRun,
  ) {
    this.watch = new PodWatch(wanted?.profile.startSeconds);
    this.runtime = new RuntimeLink({
      holdSeconds,
      attached: () => this.join(),
      // The pod, too, counts how long it has been alone.
      detached: () => this.pod.close(),
      commanded: (command) => this.obey(command),
      abandoned: () => this.end(),
    });
    this.pod = new PodLink({
      name,
      order: wanted?.order,
      bundles: agent.bundles,
      reported: (report) => this.runtime.report(report),
      orderIsLost: () => this.giveBack(),
    });
    this.main = new MainLink(agent.cluster, AbortSignal.any([this.stop.signal, agent.signal]));
    if (wanted) this.making = this.make(wanted, holdSeconds);
    else this.goOn();
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
    return this.pod.isGiven;
  }
  /** Resolves when it needs its slot no more; its finished Job is left to Kubernetes. */
  get over(): Promise<void> {
    return this.ended.promise;
  }

  /** Reports to this stream from now on, and obeys its commands. */
  attach(given: RuntimeStream): void {
    this.runtime.attach(given);
  }

  /** The agent in the pod has connected. */
  connected(connection: PodConnection): void {
    this.watch.begun();
    this.pod.connected(connection);
    this.main.connected(connection);
    this.join();
  }

  /** How its pod is, for the agent in it. */
  observePod(pod: V1Pod): void {
    this.main.observe(pod);
  }

  /** What Kubernetes says about the pod. */
  observe(standing: PodStanding): void {
    if (!this.isOpen) return;
    if (standing.is === 'waiting') this.runtime.reportWait(standing.reason);
    this.act(this.watch.findingOf(standing, this.pod.isConnected));
  }

  /**
   * What Kubernetes says about the Job, when it has no pod.
   *
   * @param job `undefined`: there is no Job either.
   * @param failure why no pod was made, where that is known.
   */
  observeJob(job: V1Job | undefined, failure?: string): void {
    if (!this.isOpen) return;
    const reason = failure === undefined ? undefined : `Kubernetes makes no pod for it: ${failure}`;
    const held = job?.spec?.suspend ? 'its Job is held back by the queue of the cluster' : reason;
    if (held !== undefined) this.runtime.reportWait(held);
    this.act(this.watch.withoutPod(this.jobName, job, reason));
  }

  /** Ends the run without a report, for a runtime that does not want it any more; its Job is removed. */
  end(): void {
    if (this.isOver) return;
    this.close();
    this.pod.send({ type: 'cancel' });
    void this.remove().finally(() => {
      this.runtime.end();
      this.ended.resolve();
    });
  }

  /** Gives the run back to the runtime, since its pod does not have it yet. */
  giveBack(): void {
    if (!this.isOpen) return;
    void this.remove();
    void this.conclude({ type: 'returned' });
    if (!this.runtime.isAttached) this.finish();
  }

  /** Lets go of the run, which goes on in its pod. */
  leave(): void {
    // Also of the streams that end behind this.
    this.close();
  }

  /** Whether it is still open how the run ends. */
  private get isOpen(): boolean {
    return !this.isOver && !this.runtime.isConcluded;
  }

  private async make({ order, profile, container }: NewRun, holdSeconds: number): Promise<void> {
    const { cluster, settings, tokens, signal } = this.agent;
    const limits = { timeoutSeconds: order.timeout_seconds, holdSeconds };
    const alone = runJob(this.name, settings, profile, limits);
    const job = container ? withMain(alone, container.main, container.program) : alone;
    const values = { ...settings.variables, ...container?.program.secret };
    const creation = await makeJob(
      cluster,
      { job, secretOf: (owner) => runSecret(this.name, owner, tokens.of(this.name), values) },
      { startSeconds: profile.startSeconds, signal: AbortSignal.any([this.stop.signal, signal]) },
    );
    if (creation.is === 'made') this.watch.made();
    else if (creation.is === 'impossible' && this.isOpen)
      this.act({ is: 'unstartable', error: creation.error });
  }

  /** The run is in its pod, and may have ended there; a runtime that has given it up never attaches. */
  private goOn(): void {
    this.watch.made();
    this.runtime.waitAlone();
  }

  /** Connects the two ends, once both are there. */
  private join(): void {
    if (this.isOpen && this.runtime.isAttached) this.pod.open(this.runtime.terms);
  }

  private obey(command: RunCommand): void {
    if (command.type === 'cancel') this.end();
    else if (command.type === 'settled') this.settle(command);
    else this.pod.send(command);
  }

  /** The runtime has the last report; the pod ends when it learns of it. */
  private settle(command: RunCommand): void {
    this.pod.finish(command);
    if (this.main.isGoingOn) void this.remove();
    this.finish();
  }

  /** Ends the run when its Job or its pod says so. */
  private act(finding: PodFinding): void {
    if (finding.is === 'fine') return;
    if (finding.is === 'interrupted') return this.interrupt(finding.reason);
    // A pod that has ended stays, for people who look at it.
    if (finding.is === 'unstartable') void this.remove();
    logger.warn(`${this.jobName} has failed: ${finding.error}`);
    void this.conclude({ type: 'failed', error: finding.error });
  }

  /** The runtime runs again what ends without a report. */
  private interrupt(reason: string): void {
    logger.warn(`${this.jobName} was interrupted: ${reason}`);
    void this.remove();
    this.finish();
  }

  private async conclude(last: Exclude<End, undefined>): Promise<void> {
    await this.runtime.report(last);
    // An older runtime settles nothing.
    if (this.runtime.isAttached && this.runtime.terms.holdSeconds === 0) this.finish();
  }

  private finish(): void {
    if (this.isOver) return;
    this.close();
    this.runtime.end();
    void Promise.resolve(this.removing).finally(() => this.ended.resolve());
  }

  private close(): void {
    this.isOver = true;
    this.stop.abort();
    this.runtime.leave();
  }

  private remove(): Promise<void> {
    const { cluster, signal } = this.agent;
    // A Job whose creation is under way would be made behind its removal.
    this.stop.abort();
    this.removing ??= this.making.then(() => removeJob(cluster, this.jobName, { signal }));
    return this.removing;
  }
}
