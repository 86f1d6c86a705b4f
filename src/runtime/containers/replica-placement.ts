import { isEligible } from '../engine/index.js';
import { serviceRequirements } from './service-definition.js';
import type { Replica } from './service-state.js';
import type { DefinedService } from './service-store.js';

/** An agent that is connected to a node. */
export interface PlacementAgent {
  readonly teamId: string;
  readonly agentId: string;
  readonly nodeId: string;
  /** And its features. */
  readonly labels: readonly string[];
  /** It ends soon: it keeps what it runs, and gets nothing new. */
  readonly isDraining: boolean;
}

/** What the database knows; services in the order in which they are served. */
export interface PlacementInput {
  readonly services: readonly DefinedService[];
  /** `isHeld`: the node that runs it is alive and has the agent. */
  readonly replicas: readonly (Replica & { readonly isHeld: boolean })[];
  readonly agents: readonly PlacementAgent[];
}

export interface Assignment {
  readonly service: DefinedService;
  readonly replica: number;
  readonly agent: PlacementAgent;
  readonly former: Replica | undefined;
}

/** What has to change. */
export interface Placement {
  /** Their node or agent is gone. */
  readonly lost: readonly Replica[];
  /** Not wanted any more, and not running. */
  readonly unwanted: readonly Replica[];
  /** Their node is to stop them. */
  readonly stopping: readonly Replica[];
  readonly assigned: readonly Assignment[];
}

type HeldReplica = PlacementInput['replicas'][number];
interface Plan {
  readonly lost: Replica[];
  readonly unwanted: Replica[];
  readonly stopping: Replica[];
  readonly assigned: Assignment[];
}

const nameOf = (teamId: string, name: string): string => `${teamId}/${name}`;

/** Decides which replicas run on which agents. */
export function place({ services, replicas, agents }: PlacementInput): Placement {
  const plan: Plan = { lost: [], unwanted: [], stopping: [], assigned: [] };
  const byService = Map.groupBy(replicas, ({ teamId, slug }) => nameOf(teamId, slug));
  const load = new Load(replicas);
  for (const row of replicas) if (row.nodeId !== undefined && !row.isHeld) plan.lost.push(row);
  for (const service of services) {
    const name = nameOf(service.teamId, service.definition.slug);
    const rows = byService.get(name) ?? [];
    byService.delete(name);
    placeService(service, { rows, agents: agents.filter((agent) => fits(service, agent)), load }, plan);
  }
  // Those of services that are no longer defined.
  for (const rows of byService.values()) for (const row of rows) remove(row, plan);
  return plan;
}

interface ServicePlacement {
  readonly rows: readonly HeldReplica[];
  readonly agents: readonly PlacementAgent[];
  readonly load: Load;
}

function placeService(service: DefinedService, { rows, agents, load }: ServicePlacement, plan: Plan): void {
  const { replica_count } = service.definition;
  for (const row of rows) {
    if (row.replica > replica_count) remove(row, plan);
    else if (row.isHeld && !agents.some((agent) => isOn(row, agent))) stop(row, plan);
  }
  const wanted = rows.filter(({ replica }) => replica <= replica_count);
  const lasting = agents.filter(({ isDraining }) => !isDraining);
  replaceOutdated(service, wanted, plan);
  leaveDraining({ rows: wanted, agents, load }, plan);
  spread(service, { rows: wanted, agents: lasting, load }, plan);
  for (let replica = 1; replica <= replica_count; replica += 1) {
    const former = rows.find((row) => row.replica === replica);
    if (former?.isHeld) continue;
    const agent = load.leastLoaded(service, lasting, former);
    if (!agent) continue;
    load.add(service, agent.agentId);
    plan.assigned.push({ service, replica, agent, former });
  }
}

/** A changed service is restarted replica by replica, so that others serve meanwhile; one that does not serve, at once. */
function replaceOutdated(service: DefinedService, rows: readonly HeldReplica[], plan: Plan): void {
  const outdated = rows.filter((row) => row.isHeld && row.contentHash !== service.contentHash);
  for (const row of outdated) {
    const others = rows.filter((other) => other !== row);
    const isReplaceable =
      row.status !== 'running' ||
      (others.length >= service.definition.replica_count - 1 && others.every((other) => serves(other, plan)));
    if (isReplaceable) stop(row, plan);
  }
}

/** Moves replicas from agents that end soon, one by one, while others serve; the only replica stays as long as it can. */
function leaveDraining({ rows, agents }: ServicePlacement, plan: Plan): void {
  if (agents.every(({ isDraining }) => isDraining)) return;
  const leaving = rows.find((row) => agents.some((agent) => agent.isDraining && isOn(row, agent)));
  const others = rows.filter((row) => row !== leaving);
  if (leaving && others.length > 0 && others.every((row) => serves(row, plan))) stop(leaving, plan);
}

/** Moves one replica from an agent with two more than another one has. */
function spread(service: DefinedService, { rows, agents, load }: ServicePlacement, plan: Plan): void {
  if (agents.length < 2 || rows.some((row) => !row.isHeld || row.isStopping || plan.stopping.includes(row)))
    return;
  const counts = agents.map((agent) => ({ agent, count: load.of(service, agent.agentId) }));
  counts.sort((one, other) => one.count - other.count);
  const [least] = counts;
  const most = counts.at(-1);
  if (!least || !most || most.count - least.count < 2) return;
  const there = rows.filter((row) => isOn(row, most.agent)).toReversed();
  const idle = there.find(({ status }) => status !== 'running');
  const moved = idle ?? (rows.every((row) => row.status === 'running') ? there[0] : undefined);
  if (moved) stop(moved, plan);
}

function remove(row: HeldReplica, plan: Plan): void {
  if (row.isHeld) stop(row, plan);
  else plan.unwanted.push(row);
}

function stop(row: HeldReplica, plan: Plan): void {
  if (!row.isStopping && !plan.stopping.includes(row)) plan.stopping.push(row);
}

const serves = (row: HeldReplica, plan: Plan): boolean =>
  row.isHeld && row.status === 'running' && !row.isStopping && !plan.stopping.includes(row);

const isOn = (row: Replica, agent: PlacementAgent): boolean =>
  row.agentId === agent.agentId && row.nodeId === agent.nodeId;

const fits = ({ teamId, definition }: DefinedService, agent: PlacementAgent): boolean =>
  isEligible(agent, { teamId, labels: serviceRequirements(definition) });

/** How many replicas each agent has. */
class Load {
  private readonly counts = new Map<string, number>();

  constructor(replicas: readonly HeldReplica[]) {
    for (const row of replicas) if (row.isHeld) this.count(row.teamId, row.slug, row.agentId);
  }

  add({ teamId, definition }: DefinedService, agentId: string): void {
    this.count(teamId, definition.slug, agentId);
  }

  of({ teamId, definition }: DefinedService, agentId: string): number {
    return this.counts.get(`${nameOf(teamId, agentId)}/${definition.slug}`) ?? 0;
  }

  /** The agent with the fewest replicas of the service; then the former one, which has its data; then the least loaded. */
  leastLoaded(
    service: DefinedService,
    agents: readonly PlacementAgent[],
    former: Replica | undefined,
  ): PlacementAgent | undefined {
    const rank = (agent: PlacementAgent): readonly number[] => [
      this.of(service, agent.agentId),
      agent.agentId === former?.agentId ? 0 : 1,
      this.counts.get(nameOf(agent.teamId, agent.agentId)) ?? 0,
    ];
    return agents.toSorted((one, other) => compare(rank(one), rank(other)))[0];
  }

  private count(teamId: string, slug: string, agentId: string): void {
    const agent = nameOf(teamId, agentId);
    for (const name of [agent, `${agent}/${slug}`]) this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }
}

function compare(one: readonly number[], other: readonly number[]): number {
  const at = one.findIndex((value, index) => value !== other[index]);
  return at === -1 ? 0 : (one[at] ?? 0) - (other[at] ?? 0);
}
