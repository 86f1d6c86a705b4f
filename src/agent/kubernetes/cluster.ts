import {
  AppsV1Api,
  BatchV1Api,
  type CoreV1Event,
  CoordinationV1Api,
  CoreV1Api,
  KubeConfig,
  type V1Deployment,
  type V1Job,
  type V1Lease,
  type V1Pod,
  type V1Secret,
  type V1Service,
  Watch,
} from '@kubernetes/client-node';
import { Logger } from '@nestjs/common';

import { errorText, StartError } from '../../config/index.js';
import { keepRunning } from '../../tunnel/index.js';
import { callMessage, limitedCall, refused, unless } from './api-calls.js';
import { ObjectOwner } from './object-owner.js';
import { followLog, type ContainerLogPlace, type ContainerLogReader } from './container-log.js';

const logger = new Logger('Kubernetes');

/** Objects are listed again after so long, also while the watch goes on. */
const RELIST_SECONDS = 60;
const RELIST_SLACK_MS = 15_000;
/** What is read of the log of a service. */
const LOG_LINES = 40;
const LOG_BYTES = 256 * 1024;
/** Between tries of what the API server does not take. */
export const API_RETRY_DELAYS = { firstMs: 500, longestMs: 10_000, isSpread: true };

/** Learns how the pods of an agent are, which belong to Jobs or to Deployments. */
interface PodListener<Owner> {
  /** Lists what the pods belong to. */
  readonly owners: () => Promise<readonly Owner[]>;
  readonly pod: (pod: V1Pod, isDeleted: boolean) => void;
  /** All objects as they are now, about once a minute. */
  readonly listed: (owners: readonly Owner[], pods: readonly V1Pod[]) => void;
}

/** Where the end of a log is to be read. */
interface EndOfLog {
  readonly pod: string;
  readonly container: string;
  /** Of the container that ran before it was started again. */
  readonly isFormer: boolean;
}

/** What an agent asks of Kubernetes: the Jobs of its runs and the Deployments of its services in one namespace, and their pods. */
export class Cluster {
  private readonly apps: AppsV1Api;
  private readonly batch: BatchV1Api;
  private readonly core: CoreV1Api;
  private readonly coordination: CoordinationV1Api;
  private readonly owner: ObjectOwner;

  private constructor(
    private readonly config: KubeConfig,
    readonly namespace: string,
    owner: string | undefined,
  ) {
    this.apps = config.makeApiClient(AppsV1Api);
    this.batch = config.makeApiClient(BatchV1Api);
    this.core = config.makeApiClient(CoreV1Api);
    this.coordination = config.makeApiClient(CoordinationV1Api);
    const { core } = this;
    this.owner = new ObjectOwner(
      (name) => unless([404], limitedCall(core.readNamespacedConfigMap({ namespace, name }))),
      owner,
    );
  }

  /**
   * As `kubectl` finds it: the file of KUBECONFIG, `~/.kube/config`, or the service account of this pod.
   *
   * @param namespace default: that of the context or of this pod.
   * @param owner name of a ConfigMap, with which Kubernetes removes what is made here.
   */
  static find(namespace?: string, owner?: string): Cluster {
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
    return new Cluster(config, namespace ?? context.namespace ?? 'default', owner);
  }

  /** Makes a Job, or finds the one that an earlier try has made. @throws {ClusterRefusal} */
  async createJob(job: V1Job): Promise<V1Job> {
    const { namespace, batch } = this;
    const body = await this.owner.of(job);
    return madeOrFound(batch.createNamespacedJob({ namespace, body }), () =>
      batch.readNamespacedJob({ namespace, name: nameOf(job) }),
    );
  }

  /** @throws {ClusterRefusal} */
  async createSecret(secret: V1Secret): Promise<void> {
    const { namespace } = this;
    await unless([409], limitedCall(this.core.createNamespacedSecret({ namespace, body: secret })));
  }

  /** Has Kubernetes delete a Job, if it has it. The Job is there until its pod has gone. @throws {ClusterRefusal} */
  async deleteJob(name: string): Promise<void> {
    const { namespace } = this;
    // Without Foreground the pod would go on.
    const given = { namespace, name, propagationPolicy: 'Foreground' };
    await unless([404], limitedCall(this.batch.deleteNamespacedJob(given)));
  }

  /** @throws {ClusterRefusal} */
  async hasJob(name: string): Promise<boolean> {
    const { namespace } = this;
    return (
      (await unless([404], limitedCall(this.batch.readNamespacedJob({ namespace, name })))) !== undefined
    );
  }

  /** Makes a Deployment, or finds the one that an earlier try has made. @throws {ClusterRefusal} */
  async createDeployment(deployment: V1Deployment): Promise<V1Deployment> {
    const { namespace, apps } = this;
    const body = await this.owner.of(deployment);
    return madeOrFound(apps.createNamespacedDeployment({ namespace, body }), () =>
      apps.readNamespacedDeployment({ namespace, name: nameOf(deployment) }),
    );
  }

  /** Has Kubernetes delete a Deployment, which is there until its pods have gone. @throws {ClusterRefusal} */
  async deleteDeployment(name: string): Promise<void> {
    const given = { namespace: this.namespace, name, propagationPolicy: 'Foreground' };
    await unless([404], limitedCall(this.apps.deleteNamespacedDeployment(given)));
  }

  /** @throws {ClusterRefusal} */
  async hasDeployment(name: string): Promise<boolean> {
    const { namespace } = this;
    const found = await unless([404], limitedCall(this.apps.readNamespacedDeployment({ namespace, name })));
    return found !== undefined;
  }

  /** @throws {ClusterRefusal} */
  async deployments(labelSelector: string): Promise<V1Deployment[]> {
    const given = { namespace: this.namespace, labelSelector };
    return (await refused(limitedCall(this.apps.listNamespacedDeployment(given)))).items;
  }

  /** Makes a Service, or finds the one that an earlier try has made. @throws {ClusterRefusal} */
  createService(service: V1Service): Promise<V1Service> {
    const { namespace, core } = this;
    return madeOrFound(core.createNamespacedService({ namespace, body: service }), () =>
      core.readNamespacedService({ namespace, name: nameOf(service) }),
    );
  }

  /** @throws {ClusterRefusal} */
  async readLease(name: string): Promise<V1Lease | undefined> {
    const { namespace } = this;
    return unless([404], limitedCall(this.coordination.readNamespacedLease({ namespace, name })));
  }

  /** @returns `undefined` when there is one already. @throws {ClusterRefusal} */
  async createLease(lease: V1Lease): Promise<V1Lease | undefined> {
    const { namespace } = this;
    const body = await this.owner.of(lease);
    return unless([409], limitedCall(this.coordination.createNamespacedLease({ namespace, body })));
  }

  /** @returns `undefined` when it was changed since it was read, or deleted. @throws {ClusterRefusal} */
  async replaceLease(lease: V1Lease): Promise<V1Lease | undefined> {
    const given = { namespace: this.namespace, name: nameOf(lease), body: await this.owner.of(lease) };
    return unless([404, 409], limitedCall(this.coordination.replaceNamespacedLease(given)));
  }

  async jobs(labelSelector: string): Promise<V1Job[]> {
    return (await limitedCall(this.batch.listNamespacedJob({ namespace: this.namespace, labelSelector })))
      .items;
  }

  /** Why Kubernetes has made no pod, the latest reason, by the name of the Job. @throws {ClusterRefusal} */
  async failedCreations(): Promise<Map<string, string>> {
    const fieldSelector = 'involvedObject.kind=Job,reason=FailedCreate';
    const given = { namespace: this.namespace, fieldSelector };
    const { items } = await refused(limitedCall(this.core.listNamespacedEvent(given)));
    const events = items.toSorted((one, other) => seenAt(one) - seenAt(other));
    return new Map(events.map((event) => [event.involvedObject.name ?? '', event.message ?? '']));
  }

  async pods(labelSelector: string): Promise<V1Pod[]> {
    return (await limitedCall(this.core.listNamespacedPod({ namespace: this.namespace, labelSelector })))
      .items;
  }

  /** Reports to the listener how the pods are until the signal is aborted, also over failures of the API server. */
  async follow<Owner>(
    labelSelector: string,
    listener: PodListener<Owner>,
    signal: AbortSignal,
  ): Promise<void> {
    const { namespace, core } = this;
    // One that has ended says the same once it has gone.
    let known = new Map<string, V1Pod>();
    const listAndWatch = async (recovered: () => void): Promise<void> => {
      try {
        const owners = await listener.owners();
        const { items, metadata } = await limitedCall(core.listNamespacedPod({ namespace, labelSelector }));
        recovered();
        const names = new Set(items.map(nameOf));
        for (const [name, pod] of known) if (!names.has(name)) listener.pod(pod, true);
        known = new Map(items.filter((pod) => !podHasEnded(pod)).map((pod) => [nameOf(pod), pod]));
        listener.listed(owners, items);
        await this.watchPods(labelSelector, metadata?.resourceVersion, signal, (type, pod) => {
          if (type === 'DELETED' || podHasEnded(pod)) known.delete(nameOf(pod));
          else known.set(nameOf(pod), pod);
          listener.pod(pod, type === 'DELETED');
        });
      } catch (error) {
        if (!signal.aborted) logger.warn(`the pods of the agent cannot be listed: ${callMessage(error)}`);
      }
    };
    await keepRunning(listAndWatch, signal, API_RETRY_DELAYS);
  }

  /** The last lines that a container has written. */
  async endOfLog({ pod, container, isFormer }: EndOfLog): Promise<string> {
    const given = { namespace: this.namespace, name: pod, container, previous: isFormer };
    return limitedCall(
      this.core.readNamespacedPodLog({ ...given, tailLines: LOG_LINES, limitBytes: LOG_BYTES }),
    );
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

/** What a request has made, or an earlier one. @throws {ClusterRefusal} */
const madeOrFound = async <T>(making: Promise<T>, find: () => Promise<T>): Promise<T> =>
  (await unless([409], limitedCall(making))) ?? refused(limitedCall(find()));

const nameOf = ({ metadata }: { readonly metadata?: { readonly name?: string } }): string =>
  metadata?.name ?? '';
const seenAt = ({ eventTime, lastTimestamp }: CoreV1Event): number =>
  new Date(lastTimestamp ?? eventTime ?? 0).getTime();
const podHasEnded = ({ status }: V1Pod): boolean => ['Succeeded', 'Failed'].includes(status?.phase ?? '');
