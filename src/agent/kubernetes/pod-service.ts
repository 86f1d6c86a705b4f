import type { ServerHttp2Stream } from 'node:http2';

import type { V1Deployment, V1Pod } from '@kubernetes/client-node';

import { serviceInstance, type ServiceOrder, type ServiceReport } from '../../contract/index.js';
import { keepRunning, untilAborted } from '../../tunnel/index.js';
import { LogTail, linesIn } from '../processes/process-output.js';
import { SecretMask } from '../processes/secret-mask.js';
import { refuseConnection, type ServiceAddress, ServiceTraffic } from '../services/service-connection.js';
import { failureOf, lastLines, LOG_LINES, RESTART } from '../services/service-failure.js';
import { type ProbedService, untilHealthy, whileHealthy } from '../services/service-health.js';
import { apiMessageOf } from './api-calls.js';
import type { Cluster } from './cluster.js';
import type { JobProfile } from './job-profiles.js';
import { removeDeployment } from './job-removal.js';
import { newServiceName, portOf, replicaOf, SERVICE_CONTAINER, serviceObjects } from './service-objects.js';
import { ServicePod } from './service-pod.js';

interface PodServiceContext {
  readonly cluster: Cluster;
  readonly agentId: string;
  readonly profile: JobProfile;
  readonly version: string;
  /** The Deployments of all services of the agent. */
  readonly deployments: () => Promise<readonly V1Deployment[]>;
  /** The pods of a Deployment, as last seen. */
  readonly podsOf: (deployment: string) => readonly V1Pod[];
  readonly report: (report: ServiceReport) => void;
}

interface ServiceSignals {
  /** The runtime has it stopped. */
  readonly stop: AbortSignal;
  /** The runtime cannot be reached, or the agent ends: the pod goes on. */
  readonly leave: AbortSignal;
}

/** A Deployment that was made while its kind was listed is in the next list. */
const ABSENCES = 2;

/** What there is of a service in Kubernetes. */
interface Made {
  readonly deployment: string;
  readonly address: ServiceAddress;
}

/** A replica of a service in a pod: started or found, probed, and started again when it fails, until it is stopped. */
export class PodService {
  private made: Made | undefined;
  private pod: ServicePod | undefined;
  /** Of the last end of the container that is reported. */
  private reportedEnd: string | undefined;
  private isRunning = false;
  private absences = 0;
  private readonly traffic = new ServiceTraffic();
  /** What ended before the container that runs. */
  private readonly log = new LogTail();
  private readonly mask: SecretMask;

  constructor(
    private readonly order: ServiceOrder,
    private readonly context: PodServiceContext,
  ) {
    this.mask = SecretMask.of(Object.values(order.environment));
  }

  /** Name of its Deployment; `undefined` while it has none. */
  get deployment(): string | undefined {
    return this.made?.deployment;
  }

  connect(stream: ServerHttp2Stream): void {
    if (!this.isRunning || !this.made) refuseConnection(stream, 'the service is not running');
    else this.traffic.join(stream, this.made.address);
  }

  /** The end of what it has written, also before a restart. */
  async logLines(): Promise<string[]> {
    const current = this.pod?.logPlace?.isFormer === false ? await this.endOfLog() : [];
    return lastLines([...this.log.last, ...current], LOG_LINES);
  }

  /** Its pods as they are now. */
  observe(pods: readonly V1Pod[]): void {
    this.pod?.observe(pods);
  }

  /** Its Deployment as it is in a list. */
  observeDeployment(deployment: V1Deployment | undefined): void {
    this.absences = deployment ? 0 : this.absences + 1;
    if (deployment) this.pod?.observeDeployment(deployment);
    else if (this.absences >= ABSENCES) this.pod?.fail(new Error('its Deployment was deleted'));
  }

  /** Resolves after `stop` when its pod has gone, and after `leave` at once. */
  async keepRunning({ stop, leave }: ServiceSignals): Promise<void> {
    const signal = AbortSignal.any([stop, leave]);
    await keepRunning(() => this.runOnce(signal), signal, RESTART);
    if (leave.aborted) return;
    this.context.report({ state: 'stopping' });
    await this.removeAll(leave);
    if (!leave.aborted) this.context.report({ state: 'stopped' });
  }

  private async runOnce(signal: AbortSignal): Promise<void> {
    const { report } = this.context;
    report({ state: 'deploying' });
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    let error: unknown;
    try {
      this.made ??= await this.make(signal);
      const pod = this.newPod();
      await Promise.race([pod.failure, this.watch(pod, this.made.address, either), untilAborted(either)]);
    } catch (reason) {
      error = reason;
    }
    this.isRunning = false;
    over.abort();
    if (signal.aborted) return;
    const lines = await this.endOfLog();
    const failure = failureOf(sayable(error), lines, this.mask);
    for (const line of [...lines, `[ended: ${failure.reason}]`]) this.log.add(line);
    report({ state: 'failed', failure });
    await this.afterEnd(signal);
  }

  /** What Kubernetes does not start again by itself is made anew. */
  private async afterEnd(signal: AbortSignal): Promise<void> {
    const { pod, made } = this;
    this.pod = undefined;
    this.reportedEnd = pod?.reported ?? this.reportedEnd;
    if (!made || pod?.isStartedAgain === true) return;
    await removeDeployment(this.context.cluster, made.deployment, { signal });
    this.made = undefined;
    this.reportedEnd = undefined;
  }

  private newPod(): ServicePod {
    const { profile, report, podsOf } = this.context;
    const pod = new ServicePod({
      startSeconds: profile.startSeconds,
      waits: (reason) => report({ state: 'deploying', ...(reason !== undefined && { reason }) }),
      reported: this.reportedEnd,
    });
    this.pod = pod;
    pod.observe(podsOf(this.made?.deployment ?? ''));
    return pod;
  }

  private async watch(pod: ServicePod, { host, port }: ServiceAddress, signal: AbortSignal): Promise<void> {
    await pod.begun;
    const { health_path, limits } = this.order;
    const name = host.includes(':') ? `[${host}]` : host;
    const probed: ProbedService = { url: `http://${name}:${port}${health_path}`, limits, signal };
    await untilHealthy(probed);
    this.isRunning = true;
    this.context.report({ state: 'running', port });
    await whileHealthy(probed, () => this.traffic.isBusy(limits.request_timeout_ms));
  }

  /** Finds what a former process or connection has left of it, or makes it. */
  private async make(signal: AbortSignal): Promise<Made> {
    const { cluster, profile, agentId, version } = this.context;
    const [found] = await this.removeOthers(signal);
    const name = found?.metadata?.name ?? newServiceName(this.order.service_slug);
    const objects = serviceObjects(this.order, profile, { agentId, name, version });
    const deployment = found ?? (await cluster.createDeployment(objects.deployment));
    if (found) this.reportedEnd = 'any';
    // A former process may have ended before it had made these.
    await cluster.createSecret(objects.secretOf(deployment));
    const { spec } = await cluster.createService(objects.serviceOf(deployment));
    return { deployment: name, address: { host: spec?.clusterIP ?? '', port: portOf(this.order) } };
  }

  /** @returns the Deployment of this replica and this definition, if there is one; those of former ones are removed. */
  private async removeOthers(signal: AbortSignal): Promise<V1Deployment[]> {
    const own = await this.existing();
    const current = own.filter(
      (one) => replicaOf(one).version === this.context.version && !one.metadata?.deletionTimestamp,
    );
    const others = own.filter((one) => one !== current[0]);
    await Promise.all(others.map((one) => this.removeOne(one, signal)));
    return current.slice(0, 1);
  }

  private async existing(): Promise<V1Deployment[]> {
    const instance = serviceInstance(this.order.service_slug, this.order.replica);
    const all = await this.context.deployments();
    return all.filter((one) => replicaOf(one).instance === instance);
  }

  private removeOne({ metadata }: V1Deployment, signal: AbortSignal): Promise<void> {
    return removeDeployment(this.context.cluster, metadata?.name ?? '', { signal });
  }

  /** Also what was made by a request whose answer never came. */
  private async removeAll(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const remove = async (): Promise<void> => {
      const all = await this.existing().catch(() => undefined);
      if (!all) return;
      await Promise.all(all.map((one) => this.removeOne(one, signal)));
      over.abort();
    };
    await keepRunning(remove, AbortSignal.any([over.signal, signal]), RESTART);
  }

  /** The last lines of its container; none where they cannot be read. */
  private async endOfLog(): Promise<string[]> {
    const place = this.pod?.logPlace;
    if (!place) return [];
    const given = { ...place, container: SERVICE_CONTAINER };
    const text = await this.context.cluster.endOfLog(given).catch(() => '');
    return linesIn(text, this.mask);
  }
}

/** In the words of the API server, where it has said why. */
function sayable(error: unknown): unknown {
  const message = apiMessageOf(error);
  return message === undefined ? error : new Error(`Kubernetes refused it: ${message.replace(/\.$/, '')}`);
}
