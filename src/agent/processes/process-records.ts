import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { Logger } from '@nestjs/common';
import { z } from 'zod';

import { errorText } from '../../config/index.js';
import { allProcesses, bootId, factsOf, hasVariable, kill, pidsSince } from './process-table.js';

const logger = new Logger('Agent');
const ROUNDS = 40;
const ROUND_MS = 25;

const processRecord = z.object({
  pid: z.number().int().min(2),
  startTime: z.string(),
  bootId: z.string(),
  /** The agent itself, or a process group that it started. */
  kind: z.enum(['agent', 'group']),
  /** Value of {@link MARK} in the environment of every member of a group. */
  mark: z.string(),
});
type ProcessRecord = z.infer<typeof processRecord>;

/** Environment variable that identifies members of a group after its leader has ended. */
export const MARK = 'CYBERUN_PROCESS_GROUP';

/**
 * The living processes that carry a mark, in any process group; none on systems without /proc. The result is not final
 * while a process loads a program, because its environment is empty then.
 *
 * @param leader leader of the group and its start: its children are younger.
 */
export function bearersOf(
  mark: string,
  leader: { readonly pid: number; readonly beganAt: number },
): { readonly pids: number[]; readonly isFinal: boolean } {
  const living = pidsSince(leader.pid, leader.beganAt).flatMap((pid) => {
    const isBearer = hasVariable(pid, MARK, mark);
    const facts = isBearer === false ? undefined : factsOf(pid);
    // Kernel threads have neither a group nor an environment.
    return facts === undefined || facts.isZombie || facts.group === 0 ? [] : [{ pid, isBearer }];
  });
  return {
    pids: living.filter(({ isBearer }) => isBearer).map(({ pid }) => pid),
    isFinal: living.every(({ isBearer }) => isBearer !== undefined),
  };
}

/**
 * One small file for each process group an agent started, so that the next agent can end them. The record is written
 * before the process runs: the process waits at a gate until then.
 */
export class ProcessRecords {
  private readonly folder: string;

  constructor(workDir: string) {
    this.folder = join(workDir, 'processes');
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
  }

  add(pid: number, kind: ProcessRecord['kind'], mark: string): void {
    const facts = factsOf(pid);
    if (!facts) return;
    const record: ProcessRecord = { pid, startTime: facts.startTime, bootId, kind, mark };
    writeFileSync(this.fileOf(record), JSON.stringify(record), { mode: 0o600 });
  }

  remove(record: Pick<ProcessRecord, 'pid' | 'kind'>): void {
    drop(this.fileOf(record));
  }

  /** All records. Unreadable files are deleted: the process of a truncated record never passed its gate. */
  all(): ProcessRecord[] {
    return readdirSync(this.folder).flatMap((name) => {
      const file = join(this.folder, name);
      const record = readRecord(file);
      if (!record) drop(file);
      return record ?? [];
    });
  }

  private fileOf({ pid, kind }: Pick<ProcessRecord, 'pid' | 'kind'>): string {
    return join(this.folder, `${kind}-${pid}.json`);
  }
}

function readRecord(file: string): ProcessRecord | undefined {
  try {
    return processRecord.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

/** A failure is only logged: a stale record names processes that are gone, which is harmless. */
function drop(file: string): void {
  try {
    rmSync(file, { recursive: true, force: true });
  } catch (error) {
    logger.warn(`${file} cannot be removed: ${errorText(error)}`);
  }
}

/**
 * Kills what an earlier agent left in this work folder: first the agent if it still runs, then its process groups. A
 * process that only reuses a recorded pid is left alone; it differs in start time and mark.
 *
 * @returns how many processes were killed.
 */
export async function endPredecessor(records: ProcessRecords): Promise<number> {
  const left = records.all();
  const recorded = left.filter((record) => record.bootId === bootId && record.pid !== process.pid);
  const ended = new Set<number>();
  // Agents first, so that none starts a process while its groups are killed.
  for (const agent of recorded.filter((record) => record.kind === 'agent' && isAlive(record))) {
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

/** Living members of the recorded groups; on systems without /proc, the groups of living leaders. */
function survivors(recorded: readonly ProcessRecord[]): number[] {
  const groups = recorded.filter(({ kind }) => kind === 'group');
  if (process.platform !== 'linux') return groups.filter(isAlive).map(({ pid }) => -pid);
  const led = new Set(groups.filter(isAlive).map(({ pid }) => pid));
  return allProcesses()
    .filter(({ isZombie, pid }) => !isZombie && pid !== process.pid)
    .filter(({ pid, group }) => led.has(group) || groups.some(({ mark }) => hasVariable(pid, MARK, mark)))
    .map(({ pid }) => pid);
}

/** Whether the recorded process still runs: a later one of the same pid has another start time. */
function isAlive({ pid, startTime }: ProcessRecord): boolean {
  const facts = factsOf(pid);
  return facts !== undefined && facts.startTime === startTime && !facts.isZombie;
}
