import { type BeforeApplicationShutdown, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { type SelectQueryBuilder, sql } from 'kysely';

import { type Agent, type AgentHello, type AgentList, capabilitiesOf } from '../../contract/index.js';
import { Database, logFailure, type Schema } from '../database/index.js';
import { ALIVE_SINCE, RuntimeNode } from '../nodes/index.js';
import { HELD_STATES, WaitingTasks } from '../tasks/index.js';
import { AgentRegistry } from './agent-registry.js';
import type { ConnectedAgent } from './connected-agent.js';

/** Notifies every node that agents have connected or are gone. */
export const AGENTS_CHANNEL = 'connected_agent';

interface Page {
  readonly current_page: number;
  readonly per_page: number;
}

/** The agents connected to any node, as rows: each node writes its own and reads all of them. */
@Injectable()
export class AgentDirectory implements OnModuleInit, BeforeApplicationShutdown {
  private readonly logger = new Logger('Gateway');
  private stopListening: (() => Promise<void>) | undefined;
  private working: Promise<void> = Promise.resolve();
  /** A refresh that has not begun; it serves all that ask for one until then. */
  private due: Promise<void> | undefined;
  /** The other nodes do not know yet of a row that was written here. */
  private isChanged = false;
  /** Changes of agents that wait to be written. */
  private outstanding = 0;
  private isOver = false;
  /** The reason that the waiting tasks have. */
  private known = '';

  constructor(
    private readonly database: Database,
    private readonly node: RuntimeNode,
    private readonly registry: AgentRegistry,
    private readonly waiting: WaitingTasks,
  ) {}

  async onModuleInit(): Promise<void> {
    this.stopListening = await this.database.listen(AGENTS_CHANNEL, {
      notified: () => void this.refresh(),
      missed: () => void this.refresh(),
    });
    this.node.onBeat(async () => {
      await this.repair();
      await this.refresh();
    });
    this.registry.onChange((agent) => void this.changed(agent));
    await this.refresh();
  }

  /** Agents that disconnect later are removed with the others here. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.stopListening?.();
    await this.inTurn(async () => {
      this.isOver = true;
      await this.database.db.deleteFrom('connected_agent').where('node_id', '=', this.node.id).execute();
      await sql`select pg_notify(${AGENTS_CHANNEL}, '')`.execute(this.database.db);
    });
  }

  /** One page of the agents of a team, sorted by id. */
  async list(teamId: string, { current_page, per_page }: Page): Promise<AgentList> {
    const agents = this.alive().where('agent.team_id', '=', teamId);
    const [rows, { total_count }] = await Promise.all([
      agents
        .select([
          'agent.agent_id',
          'agent.hello',
          'agent.tasks_completed',
          'agent.connected_at',
          'node.seen_at',
        ])
        .orderBy('agent.agent_id')
        .limit(per_page)
        .offset((current_page - 1) * per_page)
        .execute(),
      agents.select(({ fn }) => fn.countAll<number>().as('total_count')).executeTakeFirstOrThrow(),
    ]);
    const running = await this.runningOn(
      teamId,
      rows.map(({ agent_id }) => agent_id),
    );
    return {
      agent_list: rows.map((row) => agentView(row, running.get(row.agent_id) ?? [])),
      page_meta: { current_page, per_page, total_count },
    };
  }

  /** Writes the row of an agent that has connected, drains, or is gone; resolves once the waiting tasks know of it. */
  async changed(agent: ConnectedAgent): Promise<void> {
    this.outstanding += 1;
    await this.inTurn(async () => {
      if (agent.isConnected) await this.write(agent);
      else await this.remove(agent);
      this.isChanged = true;
    });
    this.outstanding -= 1;
    await this.refresh();
  }

  /** Reads the agents of all nodes, after all writes so far; tasks that none of them can run become `waiting`. */
  refresh(): Promise<void> {
    this.due ??= this.inTurn(async () => {
      this.due = undefined;
      const isChanged = this.isChanged;
      this.isChanged = false;
      if (isChanged) await sql`select pg_notify(${AGENTS_CHANNEL}, '')`.execute(this.database.db);
      await this.tell();
    });
    return this.due;
  }

  private inTurn(work: () => Promise<void>): Promise<void> {
    this.working = this.working
      .then(() => (this.isOver ? undefined : work()))
      .catch((error: unknown) => logFailure(this.logger, 'the agents could not be written or read', error));
    return this.working;
  }

  private async tell(): Promise<void> {
    const rows = await this.alive()
      .select([
        'agent.team_id',
        sql<string>`agent.hello ->> 'labels'`.as('labels'),
        sql<string | null>`agent.hello ->> 'features'`.as('features'),
        sql<string | null>`agent.hello ->> 'hosts_services'`.as('hosts_services'),
      ])
      .where(sql`agent.hello ->> 'draining'`, 'is distinct from', 'true')
      .distinct()
      .orderBy('agent.team_id')
      .orderBy('labels')
      .orderBy('features')
      .orderBy('hosts_services')
      .execute();
    const known = JSON.stringify(rows);
    if (known === this.known) return;
    await this.waiting.agentsChanged(
      rows.map(({ team_id, labels, features, hosts_services }) => ({
        teamId: team_id,
        labels: capabilitiesOf({
          labels: JSON.parse(labels) as string[],
          features: JSON.parse(features ?? '[]') as string[],
          hosts_services: hosts_services !== 'false',
        }),
      })),
    );
    this.known = known;
  }

  /**
   * Makes the rows of this node those of its agents again: another node may have taken it for dead, or a removal has failed.
   * An agent whose row belongs to another living node has connected there, and is replaced here.
   */
  private async repair(): Promise<void> {
    const { count } = await this.database.db
      .selectFrom('connected_agent')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('node_id', '=', this.node.id)
      .executeTakeFirstOrThrow();
    // Before the turn: what was written for these agents is written by then.
    const agents = this.registry.list();
    if (this.outstanding > 0 || count === agents.length) return;
    await this.inTurn(async () => {
      const connected = new Map(agents.map((agent) => [nameOf(agent.teamId, agent.agentId), agent]));
      for (const row of await this.rowsOfNode()) {
        if (!connected.delete(nameOf(row.team_id, row.agent_id))) await this.removeRow(row);
      }
      for (const agent of connected.values()) {
        if (await this.isElsewhere(agent)) agent.replace();
        else if (agent.isConnected) await this.write(agent);
      }
      this.isChanged = true;
    });
  }

  private rowsOfNode(): Promise<AgentRowKey[]> {
    return this.database.db
      .selectFrom('connected_agent')
      .select(['team_id', 'agent_id', 'connected_at'])
      .where('node_id', '=', this.node.id)
      .execute();
  }

  private async isElsewhere({ teamId, agentId }: ConnectedAgent): Promise<boolean> {
    const row = await this.alive()
      .select('agent.node_id')
      .where('agent.team_id', '=', teamId)
      .where('agent.agent_id', '=', agentId)
      .where('agent.node_id', '!=', this.node.id)
      .executeTakeFirst();
    return row !== undefined;
  }

  private async write({ teamId, hello, connectedAt }: ConnectedAgent): Promise<void> {
    const row = { node_id: this.node.id, hello: JSON.stringify(hello), connected_at: connectedAt };
    await this.database.db
      .insertInto('connected_agent')
      .values({ ...row, team_id: teamId, agent_id: hello.agent_id })
      .onConflict((conflict) =>
        conflict.columns(['team_id', 'agent_id']).doUpdateSet({ ...row, tasks_completed: 0 }),
      )
      .execute();
  }

  private remove({ teamId, agentId, connectedAt }: ConnectedAgent): Promise<void> {
    return this.removeRow({ team_id: teamId, agent_id: agentId, connected_at: connectedAt });
  }

  private async removeRow({ team_id, agent_id, connected_at }: AgentRowKey): Promise<void> {
    await this.database.db
      .deleteFrom('connected_agent')
      .where('team_id', '=', team_id)
      .where('agent_id', '=', agent_id)
      .where('node_id', '=', this.node.id)
      .where('connected_at', '=', connected_at)
      .execute();
  }

  private alive(): SelectQueryBuilder<
    { agent: Schema['connected_agent']; node: Schema['runtime_node'] },
    'agent' | 'node',
    object
  > {
    return this.database.db
      .selectFrom('connected_agent as agent')
      .innerJoin('runtime_node as node', 'node.id', 'agent.node_id')
      .where('node.seen_at', '>', ALIVE_SINCE);
  }

  private async runningOn(teamId: string, agentIds: readonly string[]): Promise<Map<string, string[]>> {
    if (agentIds.length === 0) return new Map();
    const rows = await this.database.db
      .selectFrom('task')
      .select(['id', 'agent_id'])
      .where('team_id', '=', teamId)
      .where('agent_id', 'in', agentIds)
      .where('task_status', 'in', HELD_STATES)
      .orderBy('id')
      .execute();
    const byAgent = Map.groupBy(rows, ({ agent_id }) => agent_id ?? '');
    return new Map([...byAgent].map(([agentId, tasks]) => [agentId, tasks.map(({ id }) => id)]));
  }
}

interface AgentRowKey {
  readonly team_id: string;
  readonly agent_id: string;
  readonly connected_at: Date;
}

const nameOf = (teamId: string, agentId: string): string => `${teamId}/${agentId}`;

interface AgentRow {
  readonly hello: object;
  readonly tasks_completed: number;
  readonly connected_at: Date;
  readonly seen_at: Date;
}

/** As Cyberun's own agents name them. The row may be one that an older node wrote. */
function gpuDevices({ gpus = [] }: Partial<AgentHello>): object[] {
  return gpus.map(({ name, memory_bytes }) => ({
    device_name: name,
    device_type: 'cuda',
    ...(memory_bytes !== undefined && { vram_total: memory_bytes }),
  }));
}

function statusOf({ draining, slots }: AgentHello, running: number): string {
  if (draining) return 'draining';
  return running < slots ? 'idle' : 'busy';
}

/** A connected agent in the API. */
function agentView(row: AgentRow, running: readonly string[]): Agent {
  const hello = row.hello as AgentHello;
  const gpus = gpuDevices(hello);
  return {
    agent_id: hello.agent_id,
    agent_status: statusOf(hello, running.length),
    agent_labels: hello.labels,
    last_heartbeat: row.seen_at.toISOString(),
    agent_version: hello.version,
    tool: 'process',
    gpu_capacity: gpus.length,
    task_capacity: hello.slots,
    running_count: running.length,
    running_tasks: [...running],
    ...(running[0] !== undefined && { current_task_id: running[0] }),
    platform_arch: hello.platform,
    connected_at: row.connected_at.toISOString(),
    tasks_completed: row.tasks_completed,
    ...(gpus.length > 0 && { system_stats: { os_type: hello.platform.split('/')[0], gpu_devices: gpus } }),
  };
}
