import { isEligible, type WorkRequirement } from '../engine/index.js';
import type { AgentRegistry } from './agent-registry.js';
import type { ConnectedAgent } from './connected-agent.js';

/** Slots that were reserved for the tasks of a queue. */
export interface ReservedSlots extends Disposable {
  /** The agent of each slot; one with several free slots is in it several times. */
  readonly agents: readonly ConnectedAgent[];
}

interface Candidate {
  readonly agent: ConnectedAgent;
  /** Slots that are busy or reserved. */
  taken: number;
  free: number;
}

/** The free slots of the connected agents. A slot is reserved before a task is claimed, so that no agent gets too many. */
export class FreeSlots {
  private readonly reserved = new Map<ConnectedAgent, number>();
  /** When each agent was given a slot last, as a count. */
  private readonly lastTurn = new WeakMap<ConnectedAgent, number>();
  private turn = 0;

  constructor(private readonly agents: Pick<AgentRegistry, 'connected'>) {}

  /**
   * Up to `limit` slots for a queue: those of the least loaded agents, and among these of the one that has waited longest.
   * Other queues that these agents could serve get an equal share.
   */
  reserve(queue: WorkRequirement, others: Iterable<WorkRequirement>, limit: number): ReservedSlots {
    const candidates = this.candidates(queue);
    const free = candidates.reduce((sum, candidate) => sum + candidate.free, 0);
    const wanted = Math.min(limit, Math.ceil(free / (1 + rivals(candidates, others))));
    const agents: ConnectedAgent[] = [];
    while (agents.length < wanted) {
      const next = this.leastLoaded(candidates);
      if (!next) break;
      next.taken += 1;
      next.free -= 1;
      agents.push(next.agent);
      this.lastTurn.set(next.agent, ++this.turn);
      this.reserved.set(next.agent, (this.reserved.get(next.agent) ?? 0) + 1);
    }
    return { agents, [Symbol.dispose]: () => this.release(agents) };
  }

  private candidates(queue: WorkRequirement): Candidate[] {
    const found: Candidate[] = [];
    for (const agent of this.agents.connected()) {
      const reserved = this.reserved.get(agent) ?? 0;
      const free = agent.free - reserved;
      if (free > 0 && isEligible(agent, queue))
        found.push({ agent, free, taken: agent.runs.size + reserved });
    }
    return found;
  }

  private leastLoaded(candidates: readonly Candidate[]): Candidate | undefined {
    let best: Candidate | undefined;
    for (const one of candidates) if (one.free > 0 && (!best || this.isBefore(one, best))) best = one;
    return best;
  }

  private isBefore(one: Candidate, other: Candidate): boolean {
    const difference = loadOf(one) - loadOf(other);
    if (difference !== 0) return difference < 0;
    return (this.lastTurn.get(one.agent) ?? 0) < (this.lastTurn.get(other.agent) ?? 0);
  }

  private release(agents: readonly ConnectedAgent[]): void {
    for (const agent of agents) {
      const left = (this.reserved.get(agent) ?? 0) - 1;
      if (left > 0) this.reserved.set(agent, left);
      else this.reserved.delete(agent);
    }
  }
}

function rivals(candidates: readonly Candidate[], others: Iterable<WorkRequirement>): number {
  let count = 0;
  for (const queue of others) if (candidates.some(({ agent }) => isEligible(agent, queue))) count += 1;
  return count;
}

const loadOf = ({ taken, free }: Candidate): number => taken / (taken + free);
