import { execFile } from 'node:child_process';
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { Logger } from '@nestjs/common';

import { StartError } from '../../config/index.js';
import { usualSockets } from '../containers/engine-socket.js';
import type { Command } from './process-groups.js';

const logger = new Logger('Agent');
const PROGRAM = 'bwrap';
const PROBE_LIMIT_MS = 10_000;
/** Devices of graphics processors; a private /dev has none. */
const GPU_DEVICE = /^(nvidia.*|dri|kfd)$/;

const KERNEL_SETTINGS = ['sys', 'sysrq-trigger', 'irq', 'bus', 'fs', 'acpi', 'scsi'].map(
  (name) => `/proc/${name}`,
);

export interface ConfinementOptions {
  /** `auto`: where bubblewrap works; `bubblewrap`: needed; `off`: processes have all rights of the agent's user. */
  readonly mode: string;
  /** Folders and files of which a process sees nothing, except what belongs to its run. */
  readonly hidden: readonly string[];
}

/** What a process of a run may use of what is hidden. */
interface Allowed {
  /** The folder of the run, the only one it may write. */
  readonly folder: string;
  /** Becomes its /tmp. */
  readonly temporary: string;
  /** Files beside the definition. */
  readonly files: string | undefined;
}

/** Confines processes by bubblewrap: a read-only system, their own processes, /tmp and /dev, and one writable folder. */
export class Confinement {
  private constructor(private readonly hidden: readonly string[]) {}

  /**
   * `undefined` when processes are not confined, which is logged.
   *
   * @throws {StartError} when the options need bubblewrap and it does not work.
   */
  static async find({ mode, hidden }: ConfinementOptions): Promise<Confinement | undefined> {
    if (mode === 'off') {
      logger.log('processes of runs are not confined: they have the rights of the user of this agent');
      return undefined;
    }
    const confinement = new Confinement(hidden);
    const problem = await confinement.problem();
    if (problem === undefined) {
      logger.log('processes of runs are confined by bubblewrap');
      return confinement;
    }
    if (mode !== 'auto')
      throw new StartError(
        `Processes cannot be confined: ${problem}. Install bubblewrap, or set --confine off.`,
      );
    logger.warn(`processes of runs are not confined, because bubblewrap does not work here: ${problem}`);
    return undefined;
  }

  /** Why processes cannot be confined here; `undefined` when they can. */
  static problemHere(): Promise<string | undefined> {
    return new Confinement([]).problem();
  }

  confine(command: Command, { folder, temporary, files }: Allowed): Command {
    const own = ['--bind', folder, folder, ...(files === undefined ? [] : ['--ro-bind', files, files])];
    return {
      ...command,
      program: PROGRAM,
      arguments: [
        this.system(['--bind', temporary, '/tmp']),
        own,
        ['--chdir', command.folder, '--', command.program, ...command.arguments],
      ].flat(),
    };
  }

  private system(temporary: readonly string[]): string[] {
    const devices = readdirSync('/dev').filter((name) => GPU_DEVICE.test(name));
    return [
      ['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc'],
      // Root may change the settings of the kernel there also without capabilities.
      KERNEL_SETTINGS.flatMap((path) => ['--ro-bind-try', path, path]),
      devices.map((name) => join('/dev', name)).flatMap((path) => ['--dev-bind', path, path]),
      temporary,
      ['--unshare-pid', '--unshare-ipc', '--cap-drop', 'ALL'],
      // A program that reaches a container engine has all rights of that engine.
      [...this.hidden, ...usualSockets()].flatMap(coverOf),
    ].flat();
  }

  private async problem(): Promise<string | undefined> {
    if (process.platform !== 'linux') return 'it is for Linux only';
    try {
      const words = [...this.system(['--tmpfs', '/tmp']), '--', '/bin/sh', '-c', ':'];
      await promisify(execFile)(PROGRAM, words, { timeout: PROBE_LIMIT_MS });
      return undefined;
    } catch (error) {
      const { code, stderr, message } = error as { code?: unknown; stderr?: string; message: string };
      if (code === 'ENOENT') return 'it is not installed';
      return (stderr?.trim() || message).split('\n')[0];
    }
  }
}

/** Puts an empty folder over a folder, and an empty device over anything else; what does not exist needs no cover. */
function coverOf(path: string): string[] {
  if (!existsSync(path)) return [];
  const real = realpathSync(path);
  return statSync(real).isDirectory() ? ['--tmpfs', real] : ['--ro-bind', '/dev/null', real];
}
