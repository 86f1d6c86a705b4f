import { realpath } from 'node:fs/promises';
import { relative, sep } from 'node:path';

import type { ContainerVolume } from '../../contract/index.js';
import { ContainerFailure } from './container-failure.js';

interface AllowedVolume {
  readonly path: string;
  readonly isReadOnly: boolean;
}

/** The folders and files of this machine that containers may have. */
export class AllowedVolumes {
  private readonly allowed: readonly AllowedVolume[];

  /** @param entries absolute paths, such as `/data:ro`; without `:ro` containers may write. */
  constructor(entries: readonly string[]) {
    this.allowed = entries.map((entry) => ({
      path: entry.replace(/:(?:ro|rw)$/, ''),
      isReadOnly: entry.endsWith(':ro'),
    }));
  }

  /**
   * The volume with the path that its links lead to, so that a link cannot leave an allowed folder.
   *
   * @throws {ContainerFailure} when it is not allowed or does not exist.
   */
  async check(volume: ContainerVolume): Promise<ContainerVolume> {
    const { host_path, read_only } = volume;
    const refused = (why: string): ContainerFailure =>
      new ContainerFailure(
        `volume ${host_path} ${why}; the operator of the agent allows volumes with --volume-allow or CYBERUN_AGENT_VOLUME_ALLOW`,
      );
    // Checked as written first: whether other paths of the machine exist is not told.
    if (!this.containing(host_path).length) throw refused('is not allowed on this agent');
    const real = await realpath(host_path).catch(() => undefined);
    if (real === undefined) throw new ContainerFailure(`volume ${host_path} does not exist on this agent`);
    const containing = await this.reallyContaining(real);
    if (containing.length === 0) throw refused('is a link to a place that is not allowed on this agent');
    if (!read_only && containing.every(({ isReadOnly }) => isReadOnly))
      throw refused('is allowed on this agent for reading only: add ":ro" to its path in the container');
    return { ...volume, host_path: real };
  }

  private containing(path: string): AllowedVolume[] {
    return this.allowed.filter((one) => contains(one.path, path));
  }

  private async reallyContaining(path: string): Promise<AllowedVolume[]> {
    const places = await Promise.all(
      this.allowed.map(async (one) => ({ ...one, path: await realpath(one.path).catch(() => one.path) })),
    );
    return places.filter((one) => contains(one.path, path));
  }
}

function contains(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`);
}
