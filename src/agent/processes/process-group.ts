import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

import { errorText } from '../../config/index.js';
import type { Execution, ExecutionEnd } from '../execution.js';
import { bearersOf } from './process-records.js';
import { allProcesses, kill } from './process-table.js';

/** Time between SIGTERM and SIGKILL; cancelling a task must take less than a second. */
const TERM_LIMIT_MS = 400;
/** After SIGKILL only the delay of the system remains. */
const KILL_LIMIT_MS = 5000;
const POLL_MS = 15;
/** The output of an ended group closes at once, unless a process outside the group holds the pipe. */
const OUTPUT_END_MS = 100;
const STRAY_ROUNDS = 20;
/** How often to look again at processes with an empty environment: it is empty only while a program loads. */
const UNSURE_ROUNDS = 3;

/** A process and everything it starts; they are ended together. */
export class ProcessGroup implements Execution {
  /** Resolves when the leader ends; its children may still run, see {@link end}. */
  readonly exited: Promise<ExecutionEnd>;
  private readonly beganAt = performance.now();
  private hasExited = false;
  private isOutputClosed = false;
  private readonly outputClosed: Promise<void>;
  private ending: Promise<void> | undefined;

  constructor(
    private readonly child: ChildProcess,
    /** Identifies members that left the group. */
    private readonly mark: string,
    private readonly gone: () => void,
  ) {
    this.exited = endOf(child).finally(() => {
      this.hasExited = true;
    });
    this.outputClosed = new Promise((resolve) => {
      child.once('close', () => {
        this.isOutputClosed = true;
        resolve();
      });
    });
  }

  /** Standard output, then standard error. */
  get streams(): Readable[] {
    return [this.child.stdout, this.child.stderr].filter((stream) => stream !== null);
  }

  /** Ends every member, with SIGTERM and then SIGKILL; resolves when none is left and their output has ended. */
  end(): Promise<void> {
    this.ending ??= this.endMembers().finally(this.gone);
    return this.ending;
  }

  /** Kills every member without waiting, while this process exits. */
  killNow(): void {
    signalGroup(this.child.pid, 'SIGKILL');
  }

  private async endMembers(): Promise<void> {
    if (!this.isGone()) await this.endGroup();
    await this.endStrays();
    // A process that still holds the pipes must not keep the run from ending.
    if (!(await this.hasOutputEnded())) for (const stream of this.streams) stream.destroy();
  }

  private async endGroup(): Promise<void> {
    signalGroup(this.child.pid, 'SIGTERM');
    if (await this.isGoneWithin(TERM_LIMIT_MS)) return;
    signalGroup(this.child.pid, 'SIGKILL');
    await this.isGoneWithin(KILL_LIMIT_MS);
  }

  /** Kills members that started their own session. */
  private async endStrays(): Promise<void> {
    const { pid } = this.child;
    if (pid === undefined) return;
    for (let round = 0, unsure = 0; round < STRAY_ROUNDS; round += 1) {
      const strays = bearersOf(this.mark, { pid, beganAt: this.beganAt });
      if (strays.pids.length === 0) unsure += 1;
      if (strays.pids.length === 0 && (strays.isFinal || unsure === UNSURE_ROUNDS)) return;
      for (const stray of strays.pids) kill(stray);
      await delay(POLL_MS);
    }
  }

  private async hasOutputEnded(): Promise<boolean> {
    if (!this.isOutputClosed) await Promise.race([this.outputClosed, delay(OUTPUT_END_MS)]);
    return this.isOutputClosed;
  }

  private async isGoneWithin(limitMs: number): Promise<boolean> {
    const end = performance.now() + limitMs;
    while (!this.isGone()) {
      if (performance.now() > end) return false;
      await delay(POLL_MS);
    }
    return true;
  }

  private isGone(): boolean {
    const { pid } = this.child;
    if (pid === undefined) return true;
    if (!this.hasExited) return false;
    if (process.platform === 'win32' || !hasMembers(pid)) return true;
    // Zombies that no parent collects stay in the process table permanently; they count as gone.
    return process.platform === 'linux' && !allProcesses().some((one) => one.group === pid && !one.isZombie);
  }
}

async function endOf(child: ChildProcess): Promise<ExecutionEnd> {
  try {
    const [exitCode, signal] = (await once(child, 'exit')) as [number | null, string | null];
    return { exitCode: exitCode ?? undefined, reason: signal ?? undefined };
  } catch (error) {
    return { exitCode: undefined, reason: errorText(error) };
  }
}

function hasMembers(group: number): boolean {
  try {
    return process.kill(-group, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  if (process.platform === 'win32') {
    spawnSync('taskkill', ['/pid', String(pid), '/T', '/F']);
    return;
  }
  kill(-pid, signal);
}
