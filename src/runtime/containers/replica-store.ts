import { Injectable } from '@nestjs/common';
import { type Selectable, sql } from 'kysely';

import { type AgentHello, capabilitiesOf } from '../../contract/index.js';
import { Database, type Db, type Schema, uuidV7 } from '../database/index.js';
import { ALIVE_SINCE, RuntimeNode } from '../nodes/index.js';
import { NO_HISTORY, type ReplicaHistory } from './replica-history.js';
import type { Assignment, Placement, PlacementAgent } from './replica-placement.js';
import type { Replica } from './service-state.js';

/** Notifies every node that a replica has changed. */
export const REPLICAS_CHANNEL = 'service_replica';

/** What the node that runs a replica says about it. */
export type ReplicaReport = Pick<Replica, 'deploymentId' | 'status' | 'port' | 'history'>;

/** The replicas of services in the database. */
@Injectable()
export class ReplicaStore {
  constructor(
    private readonly database: Database,
    private readonly node: RuntimeNode,
  ) {}

  /** All replicas, in order. `isHeld`: the node that runs it is alive and has its agent, as far as this node can judge. */
  async list(db: Db = this.database.db): Promise<(Replica & { readonly isHeld: boolean })[]> {
    const rows = await db
      .selectFrom('service_replica as replica')
      .leftJoin('runtime_node as node', 'node.id', 'replica.node_id')
      .leftJoin('connected_agent as agent', (join) =>
        join
          .onRef('agent.team_id', '=', 'replica.team_id')
          .onRef('agent.agent_id', '=', 'replica.agent_id')
          .onRef('agent.node_id', '=', 'replica.node_id'),
      )
      .selectAll('replica')
      .select(({ eb }) => [
        'node.url',
        'agent.node_id as agent_node_id',
        eb('node.seen_at', '>', ALIVE_SINCE).as('is_alive'),
      ])
      .orderBy('replica.replica')
      .execute();
    return rows.map((row) => ({
      ...replicaOf(row, row.url ?? ''),
      isHeld: row.agent_node_id !== null && this.mayBeAlive(row.node_id, Boolean(row.is_alive)),
    }));
  }

  /** The agents connected to live nodes. */
  async agents(db: Db): Promise<PlacementAgent[]> {
    const rows = await db
      .selectFrom('connected_agent as agent')
      .innerJoin('runtime_node as node', 'node.id', 'agent.node_id')
      .select(['agent.team_id', 'agent.agent_id', 'agent.node_id', 'agent.hello'])
      .where('node.seen_at', '>', ALIVE_SINCE)
      .orderBy('agent.agent_id')
      .execute();
    return rows
      .filter(({ node_id }) => this.mayBeAlive(node_id, true))
      .map(({ team_id, agent_id, node_id, hello }) => ({
        teamId: team_id,
        agentId: agent_id,
        nodeId: node_id,
        labels: capabilitiesOf(hello as AgentHello),
        isDraining: (hello as AgentHello).draining,
      }));
  }

  /** Decides and writes in one transaction, one node at a time; returns whether something has changed. */
  async change(decide: (db: Db) => Promise<Placement>): Promise<boolean> {
    return this.database.db.transaction().execute(async (tx) => {
      await sql`select pg_advisory_xact_lock(hashtext('service_replica'))`.execute(tx);
      const placement = await decide(tx);
      for (const row of placement.lost) await this.release(row.deploymentId, tx);
      for (const { deploymentId } of placement.unwanted)
        await tx.deleteFrom('service_replica').where('deployment_id', '=', deploymentId).execute();
      for (const { deploymentId } of placement.stopping)
        await tx
          .updateTable('service_replica')
          .set({ is_stopping: true, updated_at: sql<Date>`now()` })
          .where('deployment_id', '=', deploymentId)
          .execute();
      for (const assignment of placement.assigned) await this.assign(tx, assignment);
      if (isEmpty(placement)) return false;
      await this.notify(tx);
      return true;
    });
  }

  /** Writes what has become of a replica that this node runs. */
  async report({ deploymentId, status, port, history }: ReplicaReport): Promise<void> {
    await this.database.db
      .updateTable('service_replica')
      .set({
        replica_status: status,
        port: port ?? null,
        history: JSON.stringify(history),
        updated_at: sql<Date>`now()`,
      })
      .where('deployment_id', '=', deploymentId)
      .where('node_id', '=', this.node.id)
      .execute();
    await this.notify(this.database.db);
  }

  /** Gives a replica that does not run any more back, so that it can be run elsewhere. */
  async giveBack(deploymentId: string): Promise<void> {
    await this.release(deploymentId, this.database.db);
    await this.notify(this.database.db);
  }

  /** Without the embedded database being shared, other nodes in it are earlier runs of this server. */
  private mayBeAlive(nodeId: string | null, isAlive: boolean): boolean {
    if (this.node.isAlone) return nodeId === this.node.id;
    // A node that has just come back from an outage of the database does not judge others.
    return isAlive || !this.node.isSteady;
  }

  private async release(deploymentId: string, db: Db): Promise<void> {
    await db
      .updateTable('service_replica')
      .set({
        node_id: null,
        replica_status: 'stopped',
        port: null,
        is_stopping: false,
        updated_at: sql<Date>`now()`,
      })
      .where('deployment_id', '=', deploymentId)
      .execute();
  }

  private async assign(db: Db, { service, replica, agent, former }: Assignment): Promise<void> {
    const isSame = former?.contentHash === service.contentHash;
    const row = {
      deployment_id: uuidV7(),
      node_id: agent.nodeId,
      agent_id: agent.agentId,
      content_hash: service.contentHash,
      is_stopping: false,
      replica_status: 'deploying' as const,
      port: null,
      history: JSON.stringify(isSame ? former.history : NO_HISTORY),
      updated_at: sql<Date>`now()`,
    };
    await db
      .insertInto('service_replica')
      .values({ ...row, team_id: service.teamId, service_slug: service.definition.slug, replica })
      .onConflict((conflict) => conflict.columns(['team_id', 'service_slug', 'replica']).doUpdateSet(row))
      .execute();
  }

  private async notify(db: Db): Promise<void> {
    await sql`select pg_notify(${REPLICAS_CHANNEL}, '')`.execute(db);
  }
}

export const isEmpty = ({ lost, unwanted, stopping, assigned }: Placement): boolean =>
  lost.length + unwanted.length + stopping.length + assigned.length === 0;

function replicaOf(row: Selectable<Schema['service_replica']>, nodeUrl: string): Replica {
  return {
    teamId: row.team_id,
    slug: row.service_slug,
    replica: row.replica,
    deploymentId: row.deployment_id,
    nodeId: row.node_id ?? undefined,
    nodeUrl,
    agentId: row.agent_id,
    contentHash: row.content_hash,
    isStopping: row.is_stopping,
    status: row.replica_status,
    port: row.port ?? undefined,
    history: row.history as ReplicaHistory,
    updatedAt: row.updated_at,
  };
}
