import type {
  V1ContainerStateTerminated,
  V1ContainerStatus,
  V1Deployment,
  V1Pod,
} from '@kubernetes/client-node';

import { ProcessEnded } from '../services/service-failure.js';
import { memoryReason } from './main-end.js';
import { disruptionOf, podWait, said } from './pod-standing.js';
import { SERVICE_CONTAINER } from './service-objects.js';

interface ServicePodOptions {
  /** How long the pod may take to start. */
  readonly startSeconds: number;
  /** Called with what the pod waits for, whenever that changes; `undefined`: for nothing that Kubernetes names. */
  readonly waits: (reason: string | undefined) => void;
  /** The last end of its container that is reported already; `any`: all that came before it was found running. */
  readonly reported: string | undefined;
}

/** One start of the pod of a service: whether its container runs, and why it does not, from what Kubernetes says over time. */
export class ServicePod {
  private readonly running = Promise.withResolvers<void>();
  private readonly failing = Promise.withResolvers<never>();
  private readonly since = performance.now();
  private problemSince: number | undefined;
  private reason: string | undefined;
  /** The pod whose container runs. */
  private current: V1Pod | undefined;
  private hasPod = false;
  private reportedEnd: string | undefined;
  /** Kubernetes starts it again, in the same pod or in the next one. */
  isStartedAgain = false;
  /** Where what it wrote last is to be read. */
  logPlace: { readonly pod: string; readonly isFormer: boolean } | undefined;

  constructor(private readonly options: ServicePodOptions) {
    this.reportedEnd = options.reported;
    this.failing.promise.catch(() => undefined);
  }

  /** Resolves when the container runs. */
  get begun(): Promise<void> {
    return this.running.promise;
  }
  /** Rejects when it does not run any more, or does not start. */
  get failure(): Promise<never> {
    return this.failing.promise;
  }
  get reported(): string | undefined {
    return this.reportedEnd;
  }

  /** All pods of the Deployment as they are now. */
  observe(pods: readonly V1Pod[]): void {
    const [pod] = pods.filter((one) => !isLeaving(one)).toSorted(latestFirst);
    this.hasPod = pod !== undefined;
    const former = this.current;
    if (former && nameOf(former) !== (pod && nameOf(pod))) {
      const last = pods.find((one) => nameOf(one) === nameOf(former)) ?? former;
      return this.endAndStartAgain(new Error(whyGone(last)));
    }
    if (pod) this.observePod(pod);
  }

  /** What the Deployment says that has no pod. */
  observeDeployment({ status }: V1Deployment): void {
    if (this.hasPod) return;
    const failure = status?.conditions?.find(({ type }) => type === 'ReplicaFailure');
    const words = said(failure?.message);
    this.wait({ reason: words === '' ? undefined : `Kubernetes makes no pod for it: ${words}` });
  }

  /** It does not go on, and is to be made anew. */
  fail(error: Error): void {
    this.failing.reject(error);
  }

  private observePod(pod: V1Pod): void {
    const status = statusOf(pod);
    const ended = status?.state?.terminated ?? status?.lastState?.terminated;
    const isRunning = status?.state?.running !== undefined;
    if (ended && this.isNew(pod, ended, isRunning)) {
      this.logPlace = { pod: nameOf(pod), isFormer: status?.state?.terminated === undefined };
      return this.endAndStartAgain(endOf(pod, ended));
    }
    if (!isRunning) return this.wait(podWait(pod));
    this.current = pod;
    this.logPlace = { pod: nameOf(pod), isFormer: false };
    this.tellReason(undefined);
    this.running.resolve();
  }

  private isNew(pod: V1Pod, ended: V1ContainerStateTerminated, isRunning: boolean): boolean {
    const name = `${nameOf(pod)} ${ended.containerID ?? String(ended.finishedAt)}`;
    const isKnown = name === this.reportedEnd || (this.reportedEnd === 'any' && isRunning);
    this.reportedEnd = name;
    return !isKnown;
  }

  private wait({ reason, limitSeconds }: { reason?: string | undefined; limitSeconds?: number }): void {
    this.tellReason(reason);
    const now = performance.now();
    this.problemSince = limitSeconds === undefined ? undefined : (this.problemSince ?? now);
    const seconds = limitSeconds ?? this.options.startSeconds;
    if (now - (this.problemSince ?? this.since) < seconds * 1000) return;
    const words = reason ?? 'its pod is being prepared';
    const sentence = seconds === 0 ? words : `it did not start within ${seconds} s: ${words}`;
    this.fail(new Error(sentence));
  }

  private tellReason(reason: string | undefined): void {
    if (reason !== this.reason) this.options.waits(reason);
    this.reason = reason;
  }

  private endAndStartAgain(error: Error): void {
    this.isStartedAgain = true;
    this.fail(error);
  }
}

const statusOf = ({ status }: V1Pod): V1ContainerStatus | undefined =>
  status?.containerStatuses?.find(({ name }) => name === SERVICE_CONTAINER);

const nameOf = ({ metadata }: V1Pod): string => metadata?.name ?? '';

const isLeaving = ({ metadata, status }: V1Pod): boolean =>
  metadata?.deletionTimestamp !== undefined || ['Failed', 'Succeeded'].includes(status?.phase ?? '');

const madeAt = ({ metadata }: V1Pod): number => new Date(metadata?.creationTimestamp ?? 0).getTime();
const latestFirst = (one: V1Pod, other: V1Pod): number => madeAt(other) - madeAt(one);

function whyGone(pod: V1Pod): string {
  const { reason, message } = pod.status ?? {};
  if (reason === 'Evicted') return `Kubernetes evicted its pod: ${said(message) || 'it gave no reason'}`;
  return disruptionOf(pod) ?? 'its pod was deleted';
}

function endOf(pod: V1Pod, { exitCode, reason, message }: V1ContainerStateTerminated): Error {
  if (reason === 'OOMKilled') return new ProcessEnded(exitCode, memoryReason(pod, SERVICE_CONTAINER));
  if (reason === 'StartError' || reason === 'ContainerCannotRun')
    return new Error(`its container cannot start: ${said(message)}`);
  return new ProcessEnded(exitCode, undefined);
}
