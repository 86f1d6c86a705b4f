import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { Writable } from 'node:stream';

import { endPredecessor } from './predecessor.js';
import { ProcessGroup } from './process-group.js';
import { MARK, ProcessRecords } from './process-records.js';

/** What to start; nothing of it is ever read by a shell. */
export interface Command {
  readonly program: string;
  readonly arguments: readonly string[];
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Waits for a line before it becomes the command; without one, because the agent died, it ends. */
const GATE = 'read -r go <&3 || exit 1; exec "$@" 3<&-';

/** Every process an agent starts, each in a group of its own that is on record while it lives. */
export class ProcessGroups {
  private readonly records: ProcessRecords;
  private readonly living = new Set<ProcessGroup>();
  private readonly killAtExit = (): void => {
    for (const group of this.living) group.killNow();
  };

  constructor(workDir: string) {
    this.records = new ProcessRecords(workDir);
  }

  /** Ends what an earlier agent left in the work folder and takes its place. */
  async takeOver(): Promise<number> {
    const ended = await endPredecessor(this.records);
    this.records.add(process.pid, 'agent', '');
    process.on('exit', this.killAtExit);
    return ended;
  }

  start(command: Command): ProcessGroup {
    const mark = randomUUID();
    const isGated = process.platform !== 'win32';
    const words = [command.program, ...command.arguments];
    const [program = '', ...rest] = isGated ? ['/bin/sh', '-c', GATE, 'sh', ...words] : words;
    const child = spawn(program, rest, {
      cwd: command.folder,
      env: { ...command.environment, [MARK]: mark },
      stdio: ['ignore', 'pipe', 'pipe', isGated ? 'pipe' : 'ignore'],
      detached: true,
      windowsHide: true,
    });
    const { pid } = child;
    const group: ProcessGroup = new ProcessGroup(child, mark, () => {
      this.living.delete(group);
      if (pid !== undefined) this.records.remove({ pid, kind: 'group' });
    });
    this.living.add(group);
    if (pid !== undefined) this.records.add(pid, 'group', mark);
    openGate(child.stdio[3] as Writable | null | undefined);
    return group;
  }

  /** Ends every group and leaves nothing on record. */
  async endAll(): Promise<void> {
    await Promise.all([...this.living].map((group) => group.end()));
    process.off('exit', this.killAtExit);
    this.records.remove({ pid: process.pid, kind: 'agent' });
  }
}

function openGate(gate: Writable | null | undefined): void {
  // A process that ended at the gate has told so by its exit.
  gate?.on('error', () => undefined);
  gate?.end('go\n');
}
