import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Logger } from '@nestjs/common';
import { z } from 'zod';

import { bootId, factsOf, hasVariable, pidsSince } from './process-table.js';

const logger = new Logger('Agent');

const processRecord = z.object({
  pid: z.number().int().min(2),
  startTime: z.string(),
  bootId: z.string(),
  /** The agent itself, or a process group it leads. */
  kind: z.enum(['agent', 'group']),
  /** Value of {@link MARK} in the environment of every member of a group. */
  mark: z.string(),
});
export type ProcessRecord = z.infer<typeof processRecord>;

/** Variable by which a member of a group is known even when the leader of the group is gone. */
export const MARK = 'CYBERUN_PROCESS_GROUP';

/**
 * The living processes that carry a mark, whatever group they have gone to; none where the system does not tell.
 * Not final while a process may be loading a program, when its environment is empty.
 *
 * @param leader of the group, and when it began: what it started came after it.
 */
export function bearersOf(
  mark: string,
  leader: { readonly pid: number; readonly beganAt: number },
): { readonly pids: number[]; readonly isFinal: boolean } {
  const living = pidsSince(leader.pid, leader.beganAt).flatMap((pid) => {
    const isBearer = hasVariable(pid, MARK, mark);
    const facts = isBearer === false ? undefined : factsOf(pid);
    // Threads of the kernel have no group, and no environment either.
    return facts === undefined || facts.isZombie || facts.group === 0 ? [] : [{ pid, isBearer }];
  });
  return {
    pids: living.filter(({ isBearer }) => isBearer).map(({ pid }) => pid),
    isFinal: living.every(({ isBearer }) => isBearer !== undefined),
  };
}

/**
 * What an agent started, one small file each, so that its successor can end it. A record is on disk before the
 * process does anything: it is held at a gate until then.
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

  /** Everything on record; what is no record is dropped, such as a file cut short: its process never passed the gate. */
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

/** A record that cannot be removed names processes that are gone, which is harmless: it does not stop an agent. */
function drop(file: string): void {
  try {
    rmSync(file, { recursive: true, force: true });
  } catch (error) {
    logger.warn(`${file} cannot be removed: ${(error as Error).message}`);
  }
}
