import { resolve } from 'node:path';

import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  NotFoundException,
  type OnApplicationBootstrap,
  type OnModuleInit,
} from '@nestjs/common';

import { CONFIG, type Config, packagePaths } from '../../config/index.js';
import type { ServiceOrder, ServiceReport } from '../../contract/index.js';
import { BundleRejected, BundlesService, packBundle } from '../bundles/index.js';
import { TEAM_ID } from '../database/index.js';
import { DefinitionFolder, type OwnedDefinition } from '../definitions/index.js';
import { isEligible } from '../engine/index.js';
import { AgentRegistry, type ConnectedAgent } from '../gateway/index.js';
import { ManagedService, ServiceDeployment } from './managed-service.js';
import { parseServiceDefinition, type ServiceDefinition } from './service-definition.js';

/** Delay before a service that ended unexpectedly is deployed again. */
const PAUSE_MS = 1000;

/** Deploys every service that is defined in the folder of definitions to an agent that has its labels. */
@Injectable()
export class ServiceSupervisor implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Services');
  private readonly services = new Map<string, ManagedService>();
  private readonly path: string;
  private readonly folder: DefinitionFolder<ServiceDefinition>;
  private stopListening: () => void = () => undefined;
  private isOver = false;

  constructor(
    @Inject(CONFIG) { servicesDir }: Config,
    @Inject(TEAM_ID) private readonly teamId: string,
    private readonly agents: AgentRegistry,
    private readonly bundles: BundlesService,
  ) {
    this.path = resolve(servicesDir ?? packagePaths.services);
    this.folder = new DefinitionFolder({
      kind: 'service',
      folder: this.path,
      setting: servicesDir === undefined ? undefined : 'CYBERUN_SERVICES_DIR',
      beside: ({ beside }) => beside,
      parse: parseServiceDefinition,
      changed: (definitions) => this.define(definitions),
    });
  }

  onModuleInit(): void {
    this.stopListening = this.agents.onChange(() => this.deployAll());
  }

  onApplicationBootstrap(): Promise<void> {
    return this.folder.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    this.isOver = true;
    this.stopListening();
    return this.folder.stop();
  }

  /** The services of a team, by slug. */
  list(teamId: string): ManagedService[] {
    const mine = [...this.services.values()].filter((service) => service.teamId === teamId);
    return mine.sort((one, other) => (one.definition.slug < other.definition.slug ? -1 : 1));
  }

  /** @throws {NotFoundException} when the team has no such service. */
  get(teamId: string, slug: string): ManagedService {
    const service = this.services.get(slug);
    if (service?.teamId === teamId) return service;
    throw new NotFoundException('resource not found');
  }

  /** Replaces the definitions: changed services are restarted, missing ones stopped and removed. */
  private define(definitions: ReadonlyMap<string, OwnedDefinition<ServiceDefinition>>): void {
    for (const [slug, { definition }] of definitions) this.defineOne(slug, definition);
    for (const [slug, service] of this.services) if (!definitions.has(slug)) this.removeOne(slug, service);
    this.deployAll();
  }

  private defineOne(slug: string, definition: ServiceDefinition): void {
    const known = this.services.get(slug);
    if (!known) {
      this.services.set(slug, new ManagedService(this.teamId, definition));
      return;
    }
    known.isRemoved = false;
    if (JSON.stringify(known.definition) === JSON.stringify(definition)) return;
    known.definition = definition;
    known.failures.clear();
    this.stop(known);
  }

  private removeOne(slug: string, service: ManagedService): void {
    service.isRemoved = true;
    if (service.deployment) this.stop(service);
    else this.services.delete(slug);
  }

  private stop(service: ManagedService): void {
    if (!service.deployment) return;
    service.become('stopping');
    service.deployment.stop();
  }

  private deployAll(): void {
    for (const service of this.services.values()) this.deploy(service);
  }

  private deploy(service: ManagedService): void {
    if (this.isOver || service.deployment || service.isRemoved) return;
    const agent = this.agentFor(service);
    if (!agent) return;
    service.become('deploying');
    const { definition } = service;
    const deployment = new ServiceDeployment(
      agent,
      orderOf(definition),
      (report) => this.note(service, deployment, report),
      () => this.deliver(agent, definition),
    );
    service.deployment = deployment;
    void deployment.over.then(() => this.ended(service));
  }

  /** The agent with its labels that runs the fewest services. */
  private agentFor({ teamId, definition }: ManagedService): ConnectedAgent | undefined {
    const load = (agent: ConnectedAgent): number =>
      [...this.services.values()].filter(({ deployment }) => deployment?.agent === agent).length;
    const required = { teamId, labels: definition.required_labels };
    const fitting = this.agents.list(teamId).filter((agent) => isEligible(agent, required));
    return fitting.sort((one, other) => load(one) - load(other))[0];
  }

  /** Packs the files again: bundles of services are not stored, since only the current one is needed. */
  private deliver({ session }: ConnectedAgent, { slug, beside, bundle }: ServiceDefinition): Promise<void> {
    if (!bundle) return Promise.resolve();
    return this.bundles.deliver(session, bundle, async () => {
      const packed = await packBundle(this.path, beside);
      if (packed?.hash === bundle.hash) return packed.archive;
      throw new BundleRejected(
        `the files of service ${slug} are changing; they are read again when they settle`,
      );
    });
  }

  private note(service: ManagedService, deployment: ServiceDeployment, report: ServiceReport): void {
    if (service.deployment !== deployment) return;
    const { state, failure, port } = report;
    const { slug } = service.definition;
    if (failure) {
      this.logger.warn([`Service ${slug} failed: ${failure.reason}.`, ...failure.log_lines].join('\n'));
    }
    // A late report about the old definition must not change the state of the new one.
    if (service.state === 'stopping' && state !== 'stopped') return;
    service.port = port;
    if (failure) service.failures.add(failure);
    service.become(state);
    if (state !== 'running') return;
    service.failures.running();
    this.logger.log(`service ${slug} is running`);
  }

  private ended(service: ManagedService): void {
    const wasStopped = service.state === 'stopping' || service.state === 'stopped';
    service.deployment = undefined;
    service.become('stopped');
    if (service.isRemoved) this.services.delete(service.definition.slug);
    else if (wasStopped) this.deploy(service);
    else setTimeout(() => this.deploy(service), PAUSE_MS).unref();
  }
}

function orderOf(definition: ServiceDefinition): ServiceOrder {
  const { slug, command, env_config, health_path } = definition;
  return {
    service_slug: slug,
    command,
    environment: Object.fromEntries(env_config.map(({ env_name, env_value }) => [env_name, env_value])),
    health_path,
    limits: {
      start_timeout_ms: definition.start_timeout,
      health_interval_ms: definition.health.interval,
      health_timeout_ms: definition.health.timeout,
      health_failures: definition.health.failures,
      request_timeout_ms: definition.request_timeout,
    },
    bundle: definition.bundle,
  };
}
