import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  NotFoundException,
  type OnModuleInit,
} from '@nestjs/common';

import { Database, logFailure } from '../database/index.js';
import { AGENTS_CHANNEL } from '../gateway/index.js';
import { RuntimeNode } from '../nodes/index.js';
import { REPLICAS_CHANNEL, ReplicaStore } from './replica-store.js';
import type { Replica, RunningService } from './service-state.js';
import { DEFINITIONS_CHANNEL, ServiceStore } from './service-store.js';

/** What a reading has found; the replicas also of services that are no longer defined. */
export interface ServiceRows {
  readonly services: readonly RunningService[];
  readonly replicas: readonly (Replica & { readonly isHeld: boolean })[];
}
type Listener = (rows: ServiceRows) => Promise<void> | void;

/** The services and their replicas on all nodes: read at every change, so that all nodes show the same. */
@Injectable()
export class ServiceDirectory implements OnModuleInit, BeforeApplicationShutdown {
  private readonly logger = new Logger('Services');
  private readonly listeners: Listener[] = [];
  private stopListening: (() => Promise<void>)[] = [];
  private services: readonly RunningService[] = [];
  private working: Promise<void> = Promise.resolve();
  private isRefreshDue = false;
  private isOver = false;

  constructor(
    private readonly database: Database,
    private readonly definitions: ServiceStore,
    private readonly replicas: ReplicaStore,
    private readonly node: RuntimeNode,
  ) {}

  async onModuleInit(): Promise<void> {
    const refresh = (): void => void this.refresh();
    for (const channel of [DEFINITIONS_CHANNEL, REPLICAS_CHANNEL, AGENTS_CHANNEL])
      this.stopListening.push(await this.database.listen(channel, { notified: refresh, missed: refresh }));
    this.node.onBeat(() => this.refresh());
    await this.refresh();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.isOver = true;
    for (const stop of this.stopListening) await stop();
    await this.working;
  }

  /** Calls back after every reading, one listener after the other. */
  onRefresh(listener: Listener): void {
    this.listeners.push(listener);
  }

  /** The services of a team, by slug. */
  list(teamId: string): RunningService[] {
    return this.services.filter((service) => service.teamId === teamId);
  }

  /** @throws {NotFoundException} when the team has no such service. */
  get(teamId: string, slug: string): RunningService {
    const service = this.list(teamId).find(({ definition }) => definition.slug === slug);
    if (service) return service;
    throw new NotFoundException('resource not found');
  }

  /** Reads the rows again; resolves once everything that depends on them has seen them. */
  private refresh(): Promise<void> {
    if (!this.isRefreshDue) {
      this.isRefreshDue = true;
      this.working = this.working
        .then(() => {
          this.isRefreshDue = false;
          return this.isOver ? undefined : this.read();
        })
        .catch((error: unknown) => logFailure(this.logger, 'the services could not be read', error));
    }
    return this.working;
  }

  private async read(): Promise<void> {
    const defined = await this.definitions.list(this.services);
    const replicas = await this.replicas.list();
    const byService = Map.groupBy(replicas, ({ teamId, slug }) => `${teamId}/${slug}`);
    const services = defined.map((service) => ({
      ...service,
      replicas: byService.get(`${service.teamId}/${service.definition.slug}`) ?? [],
    }));
    this.services = services;
    for (const listener of this.listeners) await listener({ services, replicas });
  }
}
