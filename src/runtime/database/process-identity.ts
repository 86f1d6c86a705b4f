import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Who a process is, so that nobody mistakes another one with the same number for it. */
export interface ProcessIdentity {
  readonly host: string;
  /** Changes when the machine restarts; empty where the system does not say. */
  readonly boot: string;
  /** The numbering `pid` belongs to: every container has its own; empty where the system does not say. */
  readonly namespace: string;
  readonly pid: number;
  /** When the process began, in the system's own words; empty where the system does not say. */
  readonly start: string;
}

/** Identity of this process. */
export async function ownIdentity(): Promise<ProcessIdentity> {
  const [boot, namespace, start] = await Promise.all([bootId(), pidNamespace(), startOf(process.pid)]);
  return { host: hostname(), boot, namespace, pid: process.pid, start: start ?? '' };
}

/** Whether a process of this very numbering still runs; only to be asked for the same host, boot and namespace. */
export async function isAlive({ pid, start }: ProcessIdentity): Promise<boolean> {
  const current = await startOf(pid);
  return current !== undefined && (current === '' || start === '' || current === start);
}

/** `undefined` when there is no such process. */
async function startOf(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') return startFromProc(pid);
  if (!hasProcess(pid)) return undefined;
  const listed = await run('ps', ['-o', 'lstart=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  return listed.stdout.trim();
}

async function startFromProc(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The name, in brackets, may hold spaces and brackets; field 3 (state) follows the last one, field 22 is the start.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const isGone = fields === undefined || fields[0] === 'Z' || fields[0] === 'X';
  return isGone ? undefined : fields[19];
}

function hasProcess(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const bootId = async (): Promise<string> =>
  (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim();

const pidNamespace = (): Promise<string> => readlink('/proc/self/ns/pid').catch(() => '');
