import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  NotFoundException,
  type OnModuleInit,
} from '@nestjs/common';

import type { ServiceOrder, ServiceReport } from '../../contract/index.js';
import { BundlesService } from '../bundles/index.js';
import { Database, logFailure } from '../database/index.js';
import { isEligible } from '../engine/index.js';
import { AgentRegistry, type ConnectedAgent } from '../gateway/index.js';
import { ManagedService, ServiceDeployment } from './managed-service.js';
import type { ServiceDefinition } from './service-definition.js';
import { type DefinedService, DEFINITIONS_CHANNEL, ServiceStore } from './service-store.js';

/** Delay before a service that ended unexpectedly is deployed again. */
const PAUSE_MS = 1000;

/** Deploys every defined service to an agent that has its labels. */
@Injectable()
export class ServiceSupervisor implements OnModuleInit, BeforeApplicationShutdown {
  private readonly logger = new Logger('Services');
  private readonly services = new Map<string, ManagedService>();
  private stopListening: (() => Promise<void>) | undefined;
  private stopWatching: () => void = () => undefined;
  private reading: Promise<void> = Promise.resolve();
  private isOver = false;

  constructor(
    private readonly database: Database,
    private readonly store: ServiceStore,
    private readonly agents: AgentRegistry,
    private readonly bundles: BundlesService,
  ) {}

  async onModuleInit(): Promise<void> {
    this.stopListening = await this.database.listen(DEFINITIONS_CHANNEL, {
      notified: () => this.refresh(),
      missed: () => this.refresh(),
    });
    this.stopWatching = this.agents.onChange(() => this.deployAll());
    this.refresh();
    await this.reading;
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.isOver = true;
    this.stopWatching();
    await this.stopListening?.();
    await this.reading;
  }

  private refresh(): void {
    this.reading = this.reading
      .then(async () => this.define(await this.store.list()))
      .catch((error: unknown) => logFailure(this.logger, 'the services could not be read', error));
  }

  /** The services of a team, by slug. */
  list(teamId: string): ManagedService[] {
    const mine = [...this.services.values()].filter((service) => service.teamId === teamId);
    return mine.sort((one, other) => (one.definition.slug < other.definition.slug ? -1 : 1));
  }

  /** @throws {NotFoundException} when the team has no such service. */
  get(teamId: string, slug: string): ManagedService {
    const service = this.list(teamId).find(({ definition }) => definition.slug === slug);
    if (service) return service;
    throw new NotFoundException('resource not found');
  }

  /** Replaces the definitions: changed services are restarted, missing ones stopped and removed. */
  private define(services: readonly DefinedService[]): void {
    if (this.isOver) return;
    for (const service of services) this.defineOne(service);
    const defined = new Set(services.map(({ id }) => id));
    for (const [id, service] of this.services) if (!defined.has(id)) this.removeOne(id, service);
    this.deployAll();
  }

  private defineOne({ id, teamId, definition }: DefinedService): void {
    const known = this.services.get(id);
    if (!known) {
      this.services.set(id, new ManagedService({ id, teamId }, definition));
      return;
    }
    known.isRemoved = false;
    if (JSON.stringify(known.definition) === JSON.stringify(definition)) return;
    known.definition = definition;
    known.failures.clear();
    this.stop(known);
  }

  private removeOne(id: string, service: ManagedService): void {
    service.isRemoved = true;
    if (service.deployment) this.stop(service);
    else this.services.delete(id);
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

  private deliver({ session }: ConnectedAgent, { bundle }: ServiceDefinition): Promise<void> {
    return bundle ? this.bundles.deliver(session, bundle) : Promise.resolve();
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
    if (service.isRemoved) this.services.delete(service.id);
    else if (wasStopped) this.deploy(service);
    else setTimeout(() => this.deploy(service), PAUSE_MS).unref();
  }
}

function orderOf(definition: ServiceDefinition): ServiceOrder {
  const { slug, command, env_config, health_path } = definition;
  return {
    service_slug: slug,
    replica: 1,
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
