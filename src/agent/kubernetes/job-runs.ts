import type { ServerHttp2Stream } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';

import type { V1Job, V1Pod } from '@kubernetes/client-node';
import { Logger } from '@nestjs/common';

import { errorText, StartError, traceVariables } from '../../config/index.js';
import { CONTAINER_LABEL, type RunOrder } from '../../contract/index.js';
import { RunFailure } from '../runs/run-result.js';
import { answerOrder, type RunName, type RuntimeStream, serveRuns } from '../runs/run-stream.js';
import { BundleArchives } from './bundle-archives.js';
import { Cluster } from './cluster.js';
import { containerRunOf } from './container-run.js';
import { FinishedJobs } from './finished-jobs.js';
import { type JobAgent, JobRun, type NewRun } from './job-run.js';
import type { JobProfiles } from './job-profiles.js';
import type { RefusedContainer } from './main-container.js';
import { PodGateway, type RunStanding } from './pod-gateway.js';
import { PodlessJobs } from './podless-jobs.js';
import { hasBegun, podStanding } from './pod-standing.js';
import {
  agentSelector,
  canBeJob,
  jobHasEnded,
  holdSecondsOf,
  jobName,
  type JobSettings,
  runOf,
} from './run-job.js';
import { RunTokens } from './run-token.js';

const logger = new Logger('Kubernetes');
const AWAY_PAUSE_MS = 2000;

/** How an agent runs its work on Kubernetes. */
export interface KubernetesOptions {
  readonly namespace?: string | undefined;
  /** Name of the ConfigMap that owns what the agent makes. */
  readonly owner?: string | undefined;
  /** An image of cyberun-mcp, for the pods. */
  readonly image: string;
  /** Where pods reach this agent. */
  readonly url: string;
  /** Where this agent listens for them. */
  readonly port: number;
  readonly profiles: JobProfiles;
}

/** The runs of this agent, each in the pod of a Job; they outlast this process, and its successor finds them. */
export class JobRuns {
  /** By the name of the Job. */
  private readonly runs = new Map<string, JobRun>();
  private readonly stop = new AbortController();
  private readonly agent: JobAgent;
  private readonly finishedJobs: FinishedJobs;
  private readonly podlessJobs: PodlessJobs;
  private gateway: PodGateway | undefined;
  private following: Promise<void> = Promise.resolve();
  private isDraining = false;

  constructor(
    private readonly cluster: Cluster,
    private readonly options: KubernetesOptions,
    {
      agentId,
      key,
      bundles,
    }: { readonly agentId: string; readonly key: string; readonly bundles: BundleArchives },
  ) {
    const { image, url } = options;
    const settings: JobSettings = { agentId, image, url, variables: traceVariables() };
    this.agent = { cluster, settings, bundles, tokens: new RunTokens(key), signal: this.stop.signal };
    this.finishedJobs = new FinishedJobs(cluster);
    this.podlessJobs = new PodlessJobs(cluster);
  }

  /** Finds the runs that a former process of the agent has left in their pods, and listens for these. */
  async takeOver(signal: AbortSignal): Promise<void> {
    const [jobs, pods] = await this.found(signal);
    const begun = new Set(pods.filter(hasBegun).map(nameOf));
    for (const job of jobs.filter(isUnfinished)) {
      const run = runOf(job);
      if (!run) continue;
      const found = new JobRun(run, this.agent, holdSecondsOf(job));
      // Its order was with the former process, which has ended, if its pod has not begun.
      if (begun.has(jobName(run))) this.keep(found);
      else found.end();
    }
    for (const pod of pods) this.observe(pod);
    if (this.runs.size > 0) logger.log(`${this.runs.size} runs go on in their pods`);
    const { tokens } = this.agent;
    this.gateway = await PodGateway.listen({
      port: this.options.port,
      tokens,
      standingOf: (run) => this.standingOf(run),
      connected: (run, pod) => this.runs.get(jobName(run))?.connected(pod),
    });
    const listener = {
      owners: () => this.cluster.jobs(this.selector),
      pod: (pod: V1Pod, isDeleted: boolean) => this.observe(pod, isDeleted),
      listed: (listed: readonly V1Job[], current: readonly V1Pod[]) => this.observeAll(listed, current),
    };
    this.following = this.cluster.follow(this.selector, listener, this.stop.signal);
  }

  /** For the hello of a connection. */
  list(): RunName[] {
    return [...this.runs.values()].filter(({ isWanted }) => isWanted).map(({ name }) => name);
  }

  /** Serves a stream of the tunnel, which begins with an order, or attaches to a run that goes on. */
  async serve(stream: ServerHttp2Stream): Promise<void> {
    await serveRuns(stream, {
      begin: (order, given) => this.begin(order, given),
      find: (name) => {
        const run = this.runs.get(jobName(name));
        return run?.isWanted ? run : undefined;
      },
    });
  }

  /** Takes no further runs, and gives back those that no pod has yet. */
  drain(): void {
    this.isDraining = true;
    this.giveBack();
  }

  /** Resolves when every run is with its pod, which does not need this process. */
  async finished(): Promise<void> {
    const left = (): JobRun[] => [...this.runs.values()].filter(({ isWithPod }) => !isWithPod);
    while (left().length > 0) await Promise.all(left().map(({ over }) => over));
  }

  giveBack(): void {
    for (const run of this.runs.values()) if (!run.isWithPod) run.giveBack();
  }

  /** Lets go of all runs, which go on in their pods. */
  async end(): Promise<void> {
    for (const run of this.runs.values()) run.leave();
    this.stop.abort();
    this.gateway?.close();
    await this.following;
  }

  private get selector(): string {
    return agentSelector(this.agent.settings.agentId);
  }

  private async begin(order: RunOrder, given: RuntimeStream): Promise<void> {
    const { stream, terms } = given;
    if (this.isDraining) return answerOrder(stream, { type: 'returned' });
    const wanted = newRunOf(order, this.options.profiles);
    if ('refusal' in wanted)
      return answerOrder(stream, { type: 'failed', error: wanted.refusal, is_final: true });
    for (const run of this.runs.values()) if (run.name.task_id === order.task_id) run.end();
    const { task_id, attempt } = order;
    const run = new JobRun({ task_id, attempt }, this.agent, terms.holdSeconds, wanted);
    this.keep(run).attach(given);
  }

  private standingOf(name: RunName): RunStanding {
    const run = this.runs.get(jobName(name));
    if (!run) return 'unknown';
    return run.isWanted ? 'wanted' : 'over';
  }

  private keep(run: JobRun): JobRun {
    this.runs.set(run.jobName, run);
    void run.over.finally(() => {
      if (this.runs.get(run.jobName) === run) this.runs.delete(run.jobName);
    });
    return run;
  }

  private observe(pod: V1Pod, isDeleted = false): void {
    const name = runOf(pod);
    const run = name && this.runs.get(jobName(name));
    run?.observePod(pod);
    run?.observe(podStanding(pod, isDeleted));
  }

  private observeAll(jobs: readonly V1Job[], pods: readonly V1Pod[]): void {
    const withPod = new Set(pods.map(nameOf));
    const jobByName = new Map(jobs.map((job) => [job.metadata?.name ?? '', job]));
    for (const pod of pods) this.observe(pod);
    const podless = [...this.runs.values()].filter(({ jobName: name }) => !withPod.has(name));
    void this.podlessJobs
      .failures(podless.map(({ jobName: name }) => jobByName.get(name)))
      .then((failures) => {
        for (const run of podless) run.observeJob(jobByName.get(run.jobName), failures.get(run.jobName));
      });
    void this.finishedJobs.clear(jobs, (name) => this.runs.has(name));
  }

  /** The Jobs and pods of this agent; waits for an API server that is away. */
  private async found(signal: AbortSignal): Promise<[V1Job[], V1Pod[]]> {
    for (;;) {
      try {
        return [await this.cluster.jobs(this.selector), await this.cluster.pods(this.selector)];
      } catch (error) {
        const message = errorText(error);
        logger.warn(`Kubernetes cannot be asked for the Jobs of the agent: ${message}`);
        await delay(AWAY_PAUSE_MS, undefined, { signal }).catch(() => {
          throw new StartError(
            `The agent was ended before it could ask Kubernetes for its Jobs: ${message}.`,
          );
        });
      }
    }
  }
}

/** The name of the Job of a pod. */
function nameOf(pod: V1Pod): string {
  const run = runOf(pod);
  return run ? jobName(run) : '';
}

const isUnfinished = (job: V1Job): boolean => !job.metadata?.deletionTimestamp && !jobHasEnded(job);

/** How an order is to run, or why it cannot; a sentence for its submitter. */
function newRunOf(order: RunOrder, profiles: JobProfiles): NewRun | RefusedContainer {
  if (!canBeJob(order))
    return { refusal: `The id ${order.task_id} of the task cannot be the name of a Kubernetes Job.` };
  const labels = (order.labels ?? []).filter((label) => label !== CONTAINER_LABEL);
  const profile = profiles.for(labels);
  if (!profile) {
    const sentence = `The agent has no profile whose pods offer all of ${labels.join(', ')}; its operator can add one.`;
    return { refusal: sentence };
  }
  try {
    const container = containerRunOf(order, profile);
    return container && 'refusal' in container ? container : { order, profile, container };
  } catch (error) {
    if (error instanceof RunFailure) return { refusal: error.message };
    throw error;
  }
}
