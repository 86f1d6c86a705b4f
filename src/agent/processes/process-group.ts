import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

import { bearersOf } from './process-records.js';
import { allProcesses } from './process-table.js';

/** How long a group may take to end in its own way before it is killed; cancel promises less than a second. */
const PATIENCE_MS = 400;
/** After a kill only the system's own delay remains. */
const KILL_LIMIT_MS = 5000;
const POLL_MS = 15;
/** Output of a group that is gone comes to its end at once, unless somebody outside the group holds the pipe. */
const SILENCE_MS = 100;
const STRAY_ROUNDS = 20;
/** How often to look again at processes without an environment: one that loads a program has it in a moment. */
const UNSURE_ROUNDS = 3;

/** How a process ended. */
export interface ProcessEnd {
  readonly exitCode: number | undefined;
  /** The signal that ended it, or the system's reason why it never began. */
  readonly reason: string | undefined;
}

/** A process and everything it starts, which live and end together. */
export class ProcessGroup {
  /** The leader's end; its children may still live, see {@link end}. */
  readonly exited: Promise<ProcessEnd>;
  private readonly beganAt = performance.now();
  private hasExited = false;
  private isSilent = false;
  private readonly silence: Promise<void>;
  private ending: Promise<void> | undefined;

  constructor(
    private readonly child: ChildProcess,
    /** By which members are known that left the group. */
    private readonly mark: string,
    private readonly gone: () => void,
  ) {
    this.exited = endOf(child).finally(() => {
      this.hasExited = true;
    });
    this.silence = new Promise((resolve) => {
      child.once('close', () => {
        this.isSilent = true;
        resolve();
      });
    });
  }

  /** Standard output and standard error. */
  get streams(): Readable[] {
    return [this.child.stdout, this.child.stderr].filter((stream) => stream !== null);
  }

  /** Ends every member, gently first; resolves when none is left and their output has come to its end. */
  end(): Promise<void> {
    this.ending ??= this.endMembers().finally(this.gone);
    return this.ending;
  }

  /** Kills every member at once, without waiting. For the very end of the process. */
  killNow(): void {
    signalGroup(this.child.pid, 'SIGKILL');
  }

  private async endMembers(): Promise<void> {
    if (!this.isGone()) await this.endGroup();
    await this.endStrays();
    // Nobody may keep a run from its end by holding its pipes.
    if (!(await this.isSilentSoon())) for (const stream of this.streams) stream.destroy();
  }

  private async endGroup(): Promise<void> {
    signalGroup(this.child.pid, 'SIGTERM');
    if (await this.isGoneWithin(PATIENCE_MS)) return;
    signalGroup(this.child.pid, 'SIGKILL');
    await this.isGoneWithin(KILL_LIMIT_MS);
  }

  /** Members that began a session of their own. */
  private async endStrays(): Promise<void> {
    const { pid } = this.child;
    if (pid === undefined) return;
    for (let round = 0, unsure = 0; round < STRAY_ROUNDS; round += 1) {
      const strays = bearersOf(this.mark, { pid, beganAt: this.beganAt });
      if (strays.pids.length === 0) unsure += 1;
      if (strays.pids.length === 0 && (strays.isFinal || unsure === UNSURE_ROUNDS)) return;
      for (const stray of strays.pids) kill(stray, 'SIGKILL');
      await delay(POLL_MS);
    }
  }

  private async isSilentSoon(): Promise<boolean> {
    if (!this.isSilent) await Promise.race([this.silence, delay(SILENCE_MS)]);
    return this.isSilent;
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
    if (process.platform === 'win32' || !isAnyoneThere(pid)) return true;
    // Orphans nobody collects stay in the table for ever; they are as gone as can be.
    return process.platform === 'linux' && !allProcesses().some((one) => one.group === pid && !one.isZombie);
  }
}

async function endOf(child: ChildProcess): Promise<ProcessEnd> {
  try {
    const [exitCode, signal] = (await once(child, 'exit')) as [number | null, string | null];
    return { exitCode: exitCode ?? undefined, reason: signal ?? undefined };
  } catch (error) {
    return { exitCode: undefined, reason: error instanceof Error ? error.message : String(error) };
  }
}

function isAnyoneThere(group: number): boolean {
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

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Nobody is left.
  }
}
