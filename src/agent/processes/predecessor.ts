import { setTimeout as delay } from 'node:timers/promises';

import { MARK, type ProcessRecord, type ProcessRecords } from './process-records.js';
import { allProcesses, bootId, factsOf, hasVariable, type ProcessFacts } from './process-table.js';

const ROUNDS = 40;
const ROUND_MS = 25;

/**
 * Ends what an earlier agent left behind in this work folder: first the agent, should it still live, then its
 * process groups. A process that merely has a recorded pid is left alone: its start time or its mark tells.
 *
 * @returns how many processes it ended.
 */
export async function endPredecessor(records: ProcessRecords): Promise<number> {
  const left = records.all();
  const recorded = left.filter((record) => record.bootId === bootId && record.pid !== process.pid);
  const ended = new Set<number>();
  // Agents go first, so that none starts anything while its groups are ended.
  for (const agent of recorded.filter(isLivingAgent)) {
    kill(agent.pid);
    ended.add(agent.pid);
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    const victims = survivors(recorded);
    if (victims.length === 0) break;
    for (const pid of victims) {
      kill(pid);
      ended.add(pid);
    }
    await delay(ROUND_MS);
  }
  for (const record of left) records.remove(record);
  return ended.size;
}

function isLivingAgent({ kind, pid, startTime }: ProcessRecord): boolean {
  return kind === 'agent' && factsOf(pid)?.startTime === startTime;
}

/** Living members of the recorded groups; where the system shows no process table, the living leaders' groups. */
function survivors(recorded: readonly ProcessRecord[]): number[] {
  const groups = recorded.filter(({ kind }) => kind === 'group');
  if (process.platform !== 'linux') return groups.filter(isSameLeader).map(({ pid }) => -pid);
  const led = new Set(groups.filter(isSameLeader).map(({ pid }) => pid));
  return allProcesses()
    .filter(({ isZombie, pid }) => !isZombie && pid !== process.pid)
    .filter((facts) => led.has(facts.group) || groups.some((record) => carriesMark(facts, record)))
    .map(({ pid }) => pid);
}

function isSameLeader({ pid, startTime }: ProcessRecord): boolean {
  const facts = factsOf(pid);
  return facts !== undefined && facts.startTime === startTime && !facts.isZombie;
}

function carriesMark({ pid }: ProcessFacts, { mark }: ProcessRecord): boolean {
  return hasVariable(pid, MARK, mark) === true;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended on its own.
  }
}
