import { readFileSync } from 'node:fs';

import type Docker from 'dockerode';

/** What an engine is and can do. */
export interface EngineFacts {
  /** As in `Podman 5.2.1`. */
  readonly name: string;
  readonly isPodman: boolean;
  /** Root of a container is the user of the agent. */
  readonly isRootless: boolean;
  /** Users of containers are others on the machine, unless a container says otherwise. */
  readonly mapsUsers: boolean;
  readonly usesSelinux: boolean;
  readonly limits: {
    readonly memory: boolean;
    readonly swap: boolean;
    readonly cpu: boolean;
    readonly pids: boolean;
  };
}

/** The part of `/info` that is used, which the types of dockerode do not have. */
interface EngineInfo {
  readonly SecurityOptions?: readonly string[] | null;
  readonly MemoryLimit?: boolean;
  readonly SwapLimit?: boolean;
  readonly CpuCfsQuota?: boolean;
  readonly PidsLimit?: boolean;
}

export async function factsOfEngine(docker: Docker): Promise<EngineFacts> {
  const [version, info] = await Promise.all([docker.version(), docker.info() as Promise<EngineInfo>]);
  const components = (version as { Components?: { Name: string }[] }).Components ?? [];
  const isPodman = components.some(({ Name }) => Name.startsWith('Podman'));
  const has = (name: string): boolean =>
    (info.SecurityOptions ?? []).some((option) => option.split(',').includes(`name=${name}`));
  return {
    name: `${isPodman ? 'Podman' : 'Docker'} ${version.Version}`,
    isPodman,
    isRootless: has('rootless'),
    mapsUsers: has('userns'),
    usesSelinux: has('selinux'),
    limits: {
      memory: info.MemoryLimit ?? false,
      swap: info.SwapLimit ?? false,
      cpu: info.CpuCfsQuota ?? false,
      pids: info.PidsLimit ?? false,
    },
  };
}

/** Many programs close every possible file when they start. */
const FILES = 1_048_576;
/** The most that Podman itself has where the system numbers processes up to this, which is the least. */
const PROCESSES = 32_768;

/**
 * The hard limits of this process. Podman gives containers higher ones otherwise, which fails where it may not raise its
 * own.
 */
export function ownLimits(): { Name: string; Soft: number; Hard: number }[] {
  const text = readFileSync('/proc/self/limits', 'utf8');
  const limit = (Name: string, line: string, most: number) => {
    const [, hard = ''] = new RegExp(`^${line} +\\S+ +(\\d+)`, 'm').exec(text) ?? [];
    const value = Math.min(Number(hard) || most, most);
    return { Name, Soft: value, Hard: value };
  };
  return [limit('nofile', 'Max open files', FILES), limit('nproc', 'Max processes', PROCESSES)];
}
