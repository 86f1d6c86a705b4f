import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';

import type { V1Deployment, V1Pod } from '@kubernetes/client-node';
import { Logger } from '@nestjs/common';

import { errorText } from '../../config/index.js';
import {
  CONTAINER_LABEL,
  serviceInstance,
  type ServiceLog,
  type ServiceOrder,
  serviceOrder,
  type ServiceReport,
} from '../../contract/index.js';
import { readLines, writeLine } from '../../tunnel/index.js';
import { refuseConnection } from '../services/service-connection.js';
import { instanceIn, untilEnd } from '../services/service-host.js';
import { ClusterRefusal } from './api-calls.js';
import type { Cluster } from './cluster.js';
import type { JobProfile, JobProfiles } from './job-profiles.js';
import { removeDeployment } from './job-removal.js';
import { refuseService } from './no-services.js';
import { PodService } from './pod-service.js';
import { agentSelector } from './run-job.js';
import { deploymentOf, replicaOf, ServiceVersions } from './service-objects.js';

const logger = new Logger('Kubernetes');
const AWAY_PAUSE_MS = 2000;
/** How long the runtime has after a connection to order what is still there. */
const UNORDERED_MS = 60_000;

interface PodServicesOptions {
  readonly agentId: string;
  readonly key: string;
  readonly profiles: JobProfiles;
}

/** The services of an agent, each replica a Deployment with a Service; they outlast this process, and its successor finds them. */
export class PodServices {
  /** By instance. */
  private readonly services = new Map<string, PodService>();
  /** By name. */
  private pods = new Map<string, V1Pod>();
  private readonly selector: string;
  private readonly versions: ServiceVersions;
  private readonly stop = new AbortController();
  private following: Promise<void> = Promise.resolve();
  private readonly begin = performance.now();
  private greetedAt = 0;
  /** When the connection of an instance was lost that goes on. */
  private readonly leftAt = new Map<string, number>();

  constructor(
    private readonly cluster: Cluster,
    private readonly options: PodServicesOptions,
  ) {
    this.selector = agentSelector(options.agentId, 'cyberun-service');
    this.versions = new ServiceVersions(options.key);
  }

  /**
   * Follows the pods of the services that a former process has left.
   *
   * @returns whether the role of the agent allows services.
   */
  async takeOver(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      try {
        const found = await this.deployments();
        if (found.length > 0) logger.log(`${found.length} services go on in their pods`);
        this.following = this.follow();
        return true;
      } catch (error) {
        if (error instanceof ClusterRefusal) {
          logger.warn(`The agent hosts no services, since its role does not allow them: ${error.message}`);
          return false;
        }
        logger.warn(`Kubernetes cannot be asked for the services of the agent: ${errorText(error)}`);
        await delay(AWAY_PAUSE_MS, undefined, { signal }).catch(() => undefined);
      }
    }
    return false;
  }

  /** A gateway has connected, and orders what it wants. */
  greeted(): void {
    this.greetedAt = performance.now();
  }

  /** Keeps the ordered service running until the runtime stops it, or is lost; the pod goes on in this case. */
  async serve(stream: ServerHttp2Stream): Promise<void> {
    const lost = new AbortController();
    stream.once('close', () => lost.abort());
    const stop = new AbortController();
    const leave = AbortSignal.any([lost.signal, this.stop.signal]);
    const lines = readLines(stream);
    try {
      const order = serviceOrder.parse((await lines.next()).value);
      stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' });
      const profile = this.profileFor(order);
      const ended = untilEnd(lines);
      if (typeof profile === 'string') return await refuseService(stream, profile, ended);
      void ended.finally(() => (isInOrder(stream) ? stop : lost).abort());
      await this.keepRunning(order, profile, stream, { stop: stop.signal, leave });
      stream.end();
    } catch (error) {
      if (!leave.aborted) logger.warn({ message: 'a service could not be served', error });
    }
    stream.close();
  }

  connect(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const service = this.services.get(instanceIn(headers));
    if (service) service.connect(stream);
    else refuseConnection(stream, 'the service is not running');
  }

  log(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const service = this.services.get(instanceIn(headers));
    if (!service) return stream.respond({ ':status': 404 }, { endStream: true });
    void service.logLines().then((log_lines) => {
      if (stream.destroyed) return;
      stream.respond({ ':status': 200, 'content-type': 'application/json' });
      stream.end(JSON.stringify({ log_lines } satisfies ServiceLog));
    });
  }

  /** Lets go of all services, which go on in their pods. */
  async end(): Promise<void> {
    this.stop.abort();
    await this.following;
  }

  private async keepRunning(
    order: ServiceOrder,
    profile: JobProfile,
    stream: ServerHttp2Stream,
    signals: Parameters<PodService['keepRunning']>[0],
  ): Promise<void> {
    const instance = serviceInstance(order.service_slug, order.replica);
    const service = new PodService(order, {
      cluster: this.cluster,
      agentId: this.options.agentId,
      profile,
      version: this.versions.of(order, profile),
      deployments: () => this.deployments(),
      podsOf: (deployment) => this.podsOf(deployment),
      report: (report: ServiceReport) => void writeLine(stream, report),
    });
    this.services.set(instance, service);
    await service.keepRunning(signals);
    if (signals.leave.aborted) this.leftAt.set(instance, performance.now());
    if (this.services.get(instance) === service) this.services.delete(instance);
  }

  /** @returns a sentence when no pod can run it. */
  private profileFor({ container, bundle, labels = [] }: ServiceOrder): JobProfile | string {
    if (!container || container.volumes.length > 0 || bundle)
      return 'an agent with --executor kubernetes hosts containers without volumes and files alone; give the service a label of another agent';
    const wanted = labels.filter((label) => label !== CONTAINER_LABEL);
    const profile = this.options.profiles.for(wanted);
    return (
      profile ??
      `the agent has no profile whose pods offer all of ${wanted.join(', ')}; its operator can add one`
    );
  }

  private deployments(): Promise<V1Deployment[]> {
    return this.cluster.deployments(this.selector);
  }

  private podsOf(deployment: string): V1Pod[] {
    return [...this.pods.values()].filter((pod) => deploymentOf(pod) === deployment);
  }

  private follow(): Promise<void> {
    const listener = {
      owners: () => this.deployments(),
      pod: (pod: V1Pod, isDeleted: boolean) => this.observePod(pod, isDeleted),
      listed: (deployments: readonly V1Deployment[], pods: readonly V1Pod[]) =>
        this.observeAll(deployments, pods),
    };
    return this.cluster.follow(this.selector, listener, this.stop.signal);
  }

  private observePod(pod: V1Pod, isDeleted: boolean): void {
    const name = pod.metadata?.name ?? '';
    if (isDeleted) this.pods.delete(name);
    else this.pods.set(name, pod);
    const deployment = deploymentOf(pod);
    for (const service of this.services.values())
      if (deployment !== undefined && service.deployment === deployment)
        service.observe(this.podsOf(deployment));
  }

  private observeAll(deployments: readonly V1Deployment[], pods: readonly V1Pod[]): void {
    this.pods = new Map(pods.map((pod) => [pod.metadata?.name ?? '', pod]));
    const byName = new Map(deployments.map((one) => [one.metadata?.name ?? '', one]));
    for (const service of this.services.values()) {
      const { deployment } = service;
      if (deployment === undefined) continue;
      service.observe(this.podsOf(deployment));
      service.observeDeployment(byName.get(deployment));
    }
    for (const one of deployments) if (this.isUnwanted(one)) this.remove(one);
  }

  /** Whether the runtime has not ordered it, which had the time for that since it has connected. */
  private isUnwanted(deployment: V1Deployment): boolean {
    const { instance } = replicaOf(deployment);
    const since = this.leftAt.get(instance) ?? this.begin;
    const isLate = this.greetedAt > since && performance.now() - this.greetedAt >= UNORDERED_MS;
    return isLate && !this.services.has(instance) && !deployment.metadata?.deletionTimestamp;
  }

  private remove(deployment: V1Deployment): void {
    const name = deployment.metadata?.name ?? '';
    logger.log(`Deployment ${name} is removed, since the runtime does not want its service here any more`);
    void removeDeployment(this.cluster, name, { signal: this.stop.signal });
  }
}

/** An aborted HTTP/2 stream ends, too. */
const isInOrder = (stream: ServerHttp2Stream): boolean =>
  stream.rstCode === constants.NGHTTP2_NO_ERROR && !stream.aborted;
