import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

export interface ProcessFacts {
  readonly pid: number;
  readonly group: number;
  /** Opaque; together with the pid and {@link bootId} it identifies a process permanently. */
  readonly startTime: string;
  /** It has ended and its parent has not collected it yet. */
  readonly isZombie: boolean;
}

const isLinux = process.platform === 'linux';

/** Changes with every boot; pids and start times are only unique within one boot. */
export const bootId: string = isLinux ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() : '';

/** Facts of a process; `undefined` when no process has this pid. */
export function factsOf(pid: number): ProcessFacts | undefined {
  if (process.platform === 'win32') return undefined;
  try {
    return isLinux ? fromProc(pid) : fromPs(pid);
  } catch {
    return undefined;
  }
}

/** Every process; empty on systems without /proc. */
export function allProcesses(): ProcessFacts[] {
  if (!isLinux) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => factsOf(Number(name)) ?? []);
}

/** Pids do not wrap around completely within this time. */
const WRAP_MS = 1000;
/** So few pids are looked up one by one; a list has those of the whole machine. */
const FEW = 50;

/**
 * Pids that may have been assigned since a process of this pid started; all pids when that is too long ago to tell.
 * Inspecting every process of a machine takes longer than a short run.
 */
export function pidsSince(pid: number, beganAt: number): number[] {
  if (!isLinux) return [];
  if (performance.now() - beganAt > WRAP_MS) return allPids();
  const latest = latestPid();
  const count = latest - pid;
  if (count < 0) return allPids().filter((one) => one > pid || one <= latest);
  if (count > FEW) return allPids().filter((one) => one > pid && one <= latest);
  return Array.from({ length: count }, (_, index) => pid + 1 + index).filter((one) =>
    existsSync(`/proc/${one}`),
  );
}

const allPids = (): number[] =>
  readdirSync('/proc')
    .map(Number)
    .filter((one) => one > 1);

/** The last field of /proc/loadavg is the pid that was assigned last. */
const latestPid = (): number => Number(readFileSync('/proc/loadavg', 'utf8').trim().split(' ').at(-1));

/**
 * Whether the process was started with this environment variable. `undefined` when its environment is empty, which is
 * also the case while it loads a program; false when its environment cannot be read.
 */
export function hasVariable(pid: number, name: string, value: string): boolean | undefined {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
    return environment === '' ? undefined : environment.split('\0').includes(`${name}=${value}`);
  } catch {
    return false;
  }
}

/** Signals a process, or with a negative pid a group; no effect when it has ended. */
export function kill(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // No such process is left.
  }
}

function fromProc(pid: number): ProcessFacts {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The program name is in parentheses and may itself contain spaces and parentheses.
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
