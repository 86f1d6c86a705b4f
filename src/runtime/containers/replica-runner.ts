import { setTimeout as delay } from 'node:timers/promises';

import { type BeforeApplicationShutdown, Inject, Injectable, Logger } from '@nestjs/common';

import { BundlesService } from '../bundles/index.js';
import { logFailure } from '../database/index.js';
import { AgentRegistry } from '../gateway/index.js';
import { RuntimeNode } from '../nodes/index.js';
import { ReplicaStore } from './replica-store.js';
import { RunningReplica } from './running-replica.js';
import { ServiceDirectory, type ServiceRows } from './service-directory.js';
import { isServing, type Replica, type RunningService } from './service-state.js';

/** Delay before a replica that ended unexpectedly is given back, and so deployed again. */
const PAUSE_MS = 1000;

/** Runs the replicas that the rows give to this node, and writes what becomes of them. */
@Injectable()
export class ReplicaRunner implements BeforeApplicationShutdown {
  private readonly logger = new Logger('Services');
  @Inject(RuntimeNode) private readonly node!: RuntimeNode;
  /** By deployment id. */
  private readonly running = new Map<string, RunningReplica>();
  /** Deployments that were given back; rows that were read before may still have them. */
  private readonly former = new Set<string>();
  private writing: Promise<void> = Promise.resolve();
  private isShuttingDown = false;

  constructor(
    directory: ServiceDirectory,
    private readonly replicas: ReplicaStore,
    private readonly agents: AgentRegistry,
    private readonly bundles: BundlesService,
  ) {
    directory.onRefresh((rows) => this.reconcile(rows));
  }

  beforeApplicationShutdown(): void {
    this.isShuttingDown = true;
  }

  /** A replica of this node that takes calls. */
  find(deploymentId: string): RunningReplica | undefined {
    const replica = this.running.get(deploymentId);
    return replica?.isServing ? replica : undefined;
  }

  /** A replica of this node, in any state. */
  known(deploymentId: string): RunningReplica | undefined {
    return this.running.get(deploymentId);
  }

  private reconcile({ services, replicas }: ServiceRows): void {
    if (this.isShuttingDown) return;
    const mine = replicas.filter(({ nodeId }) => nodeId === this.node.id);
    const ids = new Set(mine.map(({ deploymentId }) => deploymentId));
    for (const id of this.former) if (!ids.has(id)) this.former.delete(id);
    for (const row of mine) {
      const service = services.find(
        ({ teamId, definition }) => teamId === row.teamId && definition.slug === row.slug,
      );
      const known = this.running.get(row.deploymentId);
      if (known) this.compare(known, row, service);
      else if (!this.former.has(row.deploymentId)) this.begin(row, service);
    }
    // Another node has taken this one for dead, and has given them to other agents.
    for (const [id, replica] of this.running) if (!ids.has(id)) replica.stop(false);
  }

  private compare(known: RunningReplica, row: Replica, service: RunningService | undefined): void {
    if (known.isOver) this.giveBack(known);
    else if (row.isStopping) {
      const others = service?.replicas.filter(({ deploymentId }) => deploymentId !== row.deploymentId);
      known.stop(others?.some(isServing) ?? false);
    } else {
      const { status, port } = known.state;
      if (row.status !== status || row.port !== port) this.write(known);
    }
  }

  private begin(row: Replica, service: RunningService | undefined): void {
    const agent = this.agents.list(row.teamId).find(({ agentId }) => agentId === row.agentId);
    const isCurrent = service?.contentHash === row.contentHash && !row.isStopping;
    if (!agent || !isCurrent) return void this.decline(row);
    const { definition } = service;
    const { bundle } = definition;
    const replica: RunningReplica = new RunningReplica(row, {
      agent,
      definition,
      deliver: () => (bundle ? this.bundles.deliver(agent.session, bundle) : Promise.resolve()),
      changed: () => this.write(replica),
    });
    this.running.set(row.deploymentId, replica);
    void replica.over.then(() => this.ended(replica));
  }

  /** Gives back what cannot be run here; after a pause, since it may be given here again. */
  private async decline({ deploymentId, isStopping }: Replica): Promise<void> {
    this.former.add(deploymentId);
    if (!isStopping) await delay(PAUSE_MS, undefined, { ref: false });
    try {
      await this.replicas.giveBack(deploymentId);
    } catch (error) {
      this.former.delete(deploymentId);
      this.failed(error);
    }
  }

  private async ended(replica: RunningReplica): Promise<void> {
    replica.isOver = true;
    if (!replica.isStopping && replica.agent.isConnected) await delay(PAUSE_MS, undefined, { ref: false });
    this.giveBack(replica);
  }

  private write(replica: RunningReplica): void {
    this.inTurn(() => this.replicas.report(replica.state));
  }

  private giveBack(replica: RunningReplica): void {
    const { deploymentId } = replica.row;
    this.inTurn(async () => {
      if (!this.running.has(deploymentId)) return;
      await this.replicas.giveBack(deploymentId);
      this.former.add(deploymentId);
      this.running.delete(deploymentId);
    });
  }

  /** One after the other, so that the last state is written last. What fails is written again after the next reading. */
  private inTurn(work: () => Promise<void>): void {
    this.writing = this.writing.then(work).catch((error: unknown) => this.failed(error));
  }

  private failed(error: unknown): void {
    if (!this.isShuttingDown) logFailure(this.logger, 'the state of a service could not be written', error);
  }
}
