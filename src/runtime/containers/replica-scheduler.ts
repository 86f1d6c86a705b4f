import { Injectable, Logger } from '@nestjs/common';

import { Database, type Db, logFailure } from '../database/index.js';
import { type Placement, place } from './replica-placement.js';
import { isEmpty, ReplicaStore } from './replica-store.js';
import { ServiceDirectory, type ServiceRows } from './service-directory.js';
import { ServiceStore } from './service-store.js';

/** Gives the replicas of all services to agents. Every node does so, one at a time and from the rows alone. */
@Injectable()
export class ReplicaScheduler {
  private readonly logger = new Logger('Services');

  constructor(
    directory: ServiceDirectory,
    private readonly definitions: ServiceStore,
    private readonly replicas: ReplicaStore,
    private readonly database: Database,
  ) {
    directory.onRefresh((rows) =>
      this.schedule(rows).catch((error: unknown) =>
        logFailure(this.logger, 'the services could not be given to agents', error),
      ),
    );
  }

  private async schedule({ services, replicas }: ServiceRows): Promise<void> {
    if (services.length === 0 && replicas.length === 0) return;
    // Most readings change nothing, and need no lock.
    const agents = await this.replicas.agents(this.database.db);
    if (isEmpty(place({ services, replicas, agents }))) return;
    await this.replicas.change((db) => this.decide(db));
  }

  private async decide(db: Db): Promise<Placement> {
    const services = await this.definitions.list([], db);
    return place({
      services,
      replicas: await this.replicas.list(db),
      agents: await this.replicas.agents(db),
    });
  }
}
