import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** What the system knows of a process. */
export interface ProcessFacts {
  readonly pid: number;
  readonly group: number;
  /** Opaque; together with the pid and {@link bootId} it names one process for ever. */
  readonly startTime: string;
  /** It has ended and only waits for its parent to notice. */
  readonly isZombie: boolean;
}

const isLinux = process.platform === 'linux';

/** Changes when the machine starts anew, and pids and start times with it. */
export const bootId: string = isLinux ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() : '';

/** Facts of a process; `undefined` when there is none of this pid. */
export function factsOf(pid: number): ProcessFacts | undefined {
  if (process.platform === 'win32') return undefined;
  try {
    return isLinux ? fromProc(pid) : fromPs(pid);
  } catch {
    return undefined;
  }
}

/** Every process the system shows; empty where it does not tell cheaply. */
export function allProcesses(): ProcessFacts[] {
  if (!isLinux) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => factsOf(Number(name)) ?? []);
}

/** Within this time pids do not come round to where they began. */
const NOT_ROUND_MS = 1000;

/**
 * Pids that may have been given out since a process of this pid began; every pid there is when that is too long ago
 * to tell. Looking at each process of a machine takes longer than many a run.
 */
export function pidsSince(pid: number, beganAt: number): number[] {
  if (!isLinux) return [];
  const pids = readdirSync('/proc')
    .map(Number)
    .filter((one) => one > 1);
  if (performance.now() - beganAt > NOT_ROUND_MS) return pids;
  const latest = latestPid();
  const isRound = latest < pid;
  return pids.filter((one) => (isRound ? one > pid || one <= latest : one > pid && one <= latest));
}

/** The last field of what the kernel says about its load is the pid it gave out last. */
const latestPid = (): number => Number(readFileSync('/proc/loadavg', 'utf8').trim().split(' ').at(-1));

/**
 * Whether the process was started with this variable of this value. `undefined` when its environment is empty, which
 * it also is for a moment while a process loads a program; false when its environment cannot be read.
 */
export function hasVariable(pid: number, name: string, value: string): boolean | undefined {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
    return environment === '' ? undefined : environment.split('\0').includes(`${name}=${value}`);
  } catch {
    return false;
  }
}

function fromProc(pid: number): ProcessFacts {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name of the program stands in parentheses and may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = '', , group = ''] = fields;
  return { pid, group: Number(group), startTime: fields[19] ?? '', isZombie: state === 'Z' || state === 'X' };
}

function fromPs(pid: number): ProcessFacts {
  const columns = execFileSync('ps', ['-o', 'pgid=,stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' });
  const [, group = '', state = '', startTime = ''] = /^\s*(\d+)\s+(\S+)\s+(.*\S)/.exec(columns) ?? [];
  if (group === '') throw new Error(`no process ${pid}`);
  return { pid, group: Number(group), startTime, isZombie: state.startsWith('Z') };
}
