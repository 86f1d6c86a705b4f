import { setTimeout as delay } from 'node:timers/promises';

import {
  ApiException,
  BatchV1Api,
  CoordinationV1Api,
  CoreV1Api,
  KubeConfig,
  type V1Job,
  type V1Lease,
  type V1Pod,
  type V1Secret,
  Watch,
} from '@kubernetes/client-node';
import { Logger } from '@nestjs/common';

import { errorText, StartError } from '../../config/index.js';
import { keepRunning } from '../../tunnel/index.js';
import { followLog, type ContainerLogPlace, type ContainerLogReader } from './container-log.js';

const logger = new Logger('Kubernetes');

/** Until an API server that does not answer counts as away. */
const CALL_LIMIT_MS = 30_000;
/** Objects are listed again after so long, also while the watch goes on. */
const RELIST_SECONDS = 60;
const RELIST_SLACK_MS = 15_000;
/** Between tries of what the API server does not take. */
export const API_RETRY_DELAYS = { firstMs: 500, longestMs: 10_000, isSpread: true };

/** What the API server says about a request that it refuses; another try would be refused, too. */
export class ClusterRefusal extends Error {
  override readonly name = 'ClusterRefusal';
}

/** Learns how the pods of an agent are. */
export interface PodListener {
  pod(pod: V1Pod, isDeleted: boolean): void;
  /** All objects as they are now, about once a minute. */
  listed(jobs: readonly V1Job[], pods: readonly V1Pod[]): void;
}

/** What an agent asks of Kubernetes: the Jobs of its runs in one namespace, and their pods. */
export class Cluster {
  private readonly batch: BatchV1Api;
  private readonly core: CoreV1Api;
  private readonly coordination: CoordinationV1Api;

  private constructor(
    private readonly config: KubeConfig,
    readonly namespace: string,
  ) {
    this.batch = config.makeApiClient(BatchV1Api);
    this.core = config.makeApiClient(CoreV1Api);
    this.coordination = config.makeApiClient(CoordinationV1Api);
  }

  /**
   * As `kubectl` finds it: the file of KUBECONFIG, `~/.kube/config`, or the service account of this pod.
   *
   * @param namespace default: that of the context or of this pod.
   */
  static find(namespace?: string): Cluster {
    const config = new KubeConfig();
    try {
      config.loadFromDefault();
    } catch (error) {
      throw new StartError(`The configuration for Kubernetes cannot be read: ${errorText(error)}.`);
    }
    const context = config.getContextObject(config.getCurrentContext());
    // What the client falls back to when it finds nothing.
    if (!context || config.getCurrentCluster()?.server === 'http://localhost:8080') {
      throw new StartError(
        'No Kubernetes is configured for --executor kubernetes: run the agent in a pod with a service account, or set KUBECONFIG.',
      );
    }
    return new Cluster(config, namespace ?? context.namespace ?? 'default');
  }

  /** Makes a Job, or finds the one that an earlier try has made. @throws {ClusterRefusal} */
  async createJob(job: V1Job): Promise<V1Job> {
    const { namespace } = this;
    try {
      return await limited(this.batch.createNamespacedJob({ namespace, body: job }));
    } catch (error) {
      if (codeOf(error) !== 409) throw refusalOr(error);
      return limited(this.batch.readNamespacedJob({ namespace, name: nameOf(job) })).catch(
        (reason: unknown) => {
          throw refusalOr(reason);
        },
      );
    }
  }

  /** @throws {ClusterRefusal} */
  async createSecret(secret: V1Secret): Promise<void> {
    const { namespace } = this;
    await unless([409], limited(this.core.createNamespacedSecret({ namespace, body: secret })));
  }

  /** Has Kubernetes delete a Job, if it has it. The Job is there until its pod has gone. @throws {ClusterRefusal} */
  async deleteJob(name: string): Promise<void> {
    const { namespace } = this;
    // Without Foreground the pod would go on.
    const given = { namespace, name, propagationPolicy: 'Foreground' };
    await unless([404], limited(this.batch.deleteNamespacedJob(given)));
  }

  /** @throws {ClusterRefusal} */
  async hasJob(name: string): Promise<boolean> {
    const { namespace } = this;
    return (await unless([404], limited(this.batch.readNamespacedJob({ namespace, name })))) !== undefined;
  }

  /** @throws {ClusterRefusal} */
  async readLease(name: string): Promise<V1Lease | undefined> {
    const { namespace } = this;
    return unless([404], limited(this.coordination.readNamespacedLease({ namespace, name })));
  }

  /** @returns `undefined` when there is one already. @throws {ClusterRefusal} */
  async createLease(lease: V1Lease): Promise<V1Lease | undefined> {
    const { namespace } = this;
    return unless([409], limited(this.coordination.createNamespacedLease({ namespace, body: lease })));
  }

  /** @returns `undefined` when it was changed since it was read, or deleted. @throws {ClusterRefusal} */
  async replaceLease(lease: V1Lease): Promise<V1Lease | undefined> {
    const given = { namespace: this.namespace, name: nameOf(lease), body: lease };
    return unless([404, 409], limited(this.coordination.replaceNamespacedLease(given)));
  }

  async jobs(labelSelector: string): Promise<V1Job[]> {
    return (await limited(this.batch.listNamespacedJob({ namespace: this.namespace, labelSelector }))).items;
  }

  async pods(labelSelector: string): Promise<V1Pod[]> {
    return (await limited(this.core.listNamespacedPod({ namespace: this.namespace, labelSelector }))).items;
  }

  /** Reports to the listener how the pods are until the signal is aborted, also over failures of the API server. */
  async follow(labelSelector: string, listener: PodListener, signal: AbortSignal): Promise<void> {
    const { namespace, core } = this;
    // One that has ended says the same once it has gone.
    let known = new Map<string, V1Pod>();
    const listAndWatch = async (recovered: () => void): Promise<void> => {
      try {
        const jobs = await this.jobs(labelSelector);
        const { items, metadata } = await limited(core.listNamespacedPod({ namespace, labelSelector }));
        recovered();
        const names = new Set(items.map(nameOf));
        for (const [name, pod] of known) if (!names.has(name)) listener.pod(pod, true);
        known = new Map(items.filter((pod) => !podHasEnded(pod)).map((pod) => [nameOf(pod), pod]));
        listener.listed(jobs, items);
        await this.watchPods(labelSelector, metadata?.resourceVersion, signal, (type, pod) => {
          if (type === 'DELETED' || podHasEnded(pod)) known.delete(nameOf(pod));
          else known.set(nameOf(pod), pod);
          listener.pod(pod, type === 'DELETED');
        });
      } catch (error) {
        if (!signal.aborted) logger.warn(`the pods of the agent cannot be listed: ${messageOf(error)}`);
      }
    };
    await keepRunning(listAndWatch, signal, API_RETRY_DELAYS);
  }

  /** As {@link followLog}. */
  followLog(place: ContainerLogPlace, signal: AbortSignal, read: ContainerLogReader): Promise<void> {
    return followLog(this.config, { ...place, namespace: this.namespace }, signal, read);
  }

  /** Ends after a minute, or when the connection does; what it missed is then seen in a list. */
  private async watchPods(
    labelSelector: string,
    resourceVersion: string | undefined,
    signal: AbortSignal,
    changed: (type: string, pod: V1Pod) => void,
  ): Promise<void> {
    const ended = Promise.withResolvers<void>();
    const path = `/api/v1/namespaces/${encodeURIComponent(this.namespace)}/pods`;
    const query = { labelSelector, resourceVersion, timeoutSeconds: RELIST_SECONDS };
    const began = await new Watch(this.config).watch(
      path,
      query,
      // An ERROR, as of a version that is too old, ends the watch.
      (type: string, pod: V1Pod) => (type === 'ERROR' ? began.abort() : changed(type, pod)),
      () => ended.resolve(),
    );
    const stop = (): void => began.abort();
    const timer = setTimeout(stop, RELIST_SECONDS * 1000 + RELIST_SLACK_MS);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    await ended.promise;
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

const nameOf = ({ metadata }: V1Job | V1Pod | V1Lease): string => metadata?.name ?? '';
const podHasEnded = ({ status }: V1Pod): boolean => ['Succeeded', 'Failed'].includes(status?.phase ?? '');
const codeOf = (error: unknown): number | undefined =>
  error instanceof ApiException ? error.code : undefined;

/** Some codes say that the API server is busy or away. */
function refusalOr(error: unknown): unknown {
  const code = codeOf(error);
  if (code === undefined || code >= 500 || code === 429 || code === 401) return error;
  return new ClusterRefusal(messageOf(error));
}

/** `undefined` for an answer of one of these codes. @throws {ClusterRefusal} */
async function unless<T>(codes: readonly number[], call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (codes.includes(codeOf(error) ?? 0)) return undefined;
    throw refusalOr(error);
  }
}

const messageOf = (error: unknown): string => apiMessageOf(error) ?? errorText(error);

/** What the API server says about a request that failed; `undefined` when it has not answered. */
export function apiMessageOf(error: unknown): string | undefined {
  if (error instanceof ClusterRefusal) return error.message;
  if (!(error instanceof ApiException)) return undefined;
  const body: unknown = error.body;
  const { message } = (typeof body === 'string' ? parsed(body) : body) as { message?: string };
  return message ?? `the API server answered ${error.code}`;
}

function parsed(text: string): { message?: string } {
  try {
    return (JSON.parse(text) ?? {}) as { message?: string };
  } catch {
    return {};
  }
}

async function limited<T>(call: Promise<T>): Promise<T> {
  const over = new AbortController();
  const limit = delay(CALL_LIMIT_MS, undefined, { signal: over.signal, ref: false }).then(() => {
    throw new Error(`the API server has not answered within ${CALL_LIMIT_MS / 1000} s`);
  });
  limit.catch(() => undefined);
  try {
    return await Promise.race([call, limit]);
  } finally {
    over.abort();
  }
}
