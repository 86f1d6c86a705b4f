import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { delimiter, dirname } from 'node:path';
import type { Writable } from 'node:stream';

import { ProcessGroup } from './process-group.js';
import { endPredecessor, MARK, ProcessRecords } from './process-records.js';

/** What to start; no shell interprets it. */
export interface Command {
  readonly program: string;
  readonly arguments: readonly string[];
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Waits for a line; exits without one, because the agent has died. */
const WAIT = 'read -r CYBERUN_GATE <&3 || exit 1';
/** In front of a command, which it then executes. */
const GATE = `${WAIT}; exec "$@" 3<&-`;
/** In front of the script of a shell: on the same line, so that the numbers of its lines stay. */
const SHELL_GATE = `${WAIT}; exec 3<&-; unset CYBERUN_GATE; `;
/** A longer script may exceed the limit of one argument with the gate, and has a shell of its own for that. */
const GATED_SCRIPT = 65_536;

/** Every process an agent starts, each in its own process group, which is recorded while it runs. */
export class ProcessGroups {
  private readonly records: ProcessRecords;
  private readonly living = new Set<ProcessGroup>();
  private readonly killAtExit = (): void => {
    for (const group of this.living) group.killNow();
  };

  /** @param shared variables of every process; those of its command win. */
  constructor(
    workDir: string,
    private readonly shared: Readonly<Record<string, string>> = {},
  ) {
    this.records = new ProcessRecords(workDir);
  }

  /** Ends what an earlier agent left in the work folder, and records this agent. */
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
    const [program = '', ...rest] = isGated ? gated(words) : words;
    const child = spawn(program, rest, {
      cwd: command.folder,
      env: { ...this.shared, ...command.environment, [MARK]: mark },
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

  /** Ends every group and removes all records. */
  async endAll(): Promise<void> {
    await Promise.all([...this.living].map((group) => group.end()));
    process.off('exit', this.killAtExit);
    this.records.remove({ pid: process.pid, kind: 'agent' });
  }
}

/** The command behind a gate; a shell with a script waits there itself, which saves the start of a program. */
function gated(words: readonly string[]): readonly string[] {
  const [program, exits, isScript, script = '', ...rest] = words;
  const isShell = program === '/bin/sh' && exits === '-e' && isScript === '-c';
  if (!isShell || script.length > GATED_SCRIPT) return ['/bin/sh', '-c', GATE, 'sh', ...words];
  return [program, exits, isScript, `${SHELL_GATE}${script}`, ...rest];
}

function openGate(gate: Writable | null | undefined): void {
  // A write fails when the process has already ended; its exit reports that.
  gate?.on('error', () => undefined);
  gate?.end('go\n');
}

/** Variables that every process on Windows needs. */
const WINDOWS = ['SystemRoot', 'ComSpec', 'PATHEXT', 'windir'];
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The environment of every process that the agent starts. The agent's own variables are not passed on, as they may
 * contain secrets. `node` on the PATH is the one that runs the agent.
 */
export function cleanEnvironment(home: string, temporary: string): Record<string, string> {
  const { PATH = DEFAULT_PATH, LANG = 'C.UTF-8' } = process.env;
  const kept = process.platform === 'win32' ? WINDOWS.map((name) => [name, process.env[name] ?? '']) : [];
  return {
    ...(Object.fromEntries(kept) as Record<string, string>),
    PATH: [dirname(process.execPath), PATH].join(delimiter),
    HOME: home,
    TMPDIR: temporary,
    LANG,
  };
}
