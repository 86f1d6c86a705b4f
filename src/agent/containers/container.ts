import { PassThrough, type Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

import { Logger } from '@nestjs/common';
import type Docker from 'dockerode';

import type { Execution, ExecutionEnd } from '../execution.js';
import { engineMessage, engineStatus } from './container-failure.js';

const logger = new Logger('Agent');

/** As for processes: between SIGTERM and SIGKILL. */
const TERM_LIMIT_MS = 400;
/** After SIGKILL, and for the output of a container that has ended. */
const KILL_LIMIT_MS = 5000;
const REMOVE_ROUNDS = 5;
const FIRST_LOOK_MS = 20;
const LONGEST_LOOK_MS = 1000;
/** An engine that is updated is away for some seconds. */
const ENGINE_AWAY_MS = 60_000;
/** 128 and the number of SIGKILL. */
const KILLED = 137;

type State = Docker.ContainerInspectInfo['State'];

/** A container that an agent has started; it exists until {@link end}. */
export class Container implements Execution {
  readonly streams: readonly Readable[];
  readonly exited: Promise<ExecutionEnd>;
  private readonly outputEnded: Promise<void>;
  private readonly waited: Promise<unknown>;
  private hasExited = false;
  private ending: Promise<void> | undefined;

  /** @param memoryLimit in bytes. */
  constructor(
    private readonly container: Docker.Container,
    attached: NodeJS.ReadWriteStream,
    private readonly memoryLimit: number | undefined,
  ) {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    // Untyped there.
    (container.modem as Docker['modem']).demuxStream(attached, stdout, stderr);
    this.streams = [stdout, stderr];
    this.outputEnded = new Promise((resolve) => {
      const end = (): void => {
        stdout.end();
        stderr.end();
        resolve();
      };
      for (const event of ['end', 'close', 'error']) attached.once(event, end);
    });
    this.waited = container.wait().catch(() => undefined);
    this.exited = this.untilExited().finally(() => {
      this.hasExited = true;
    });
  }

  /** Where a port is published on the loopback interface; 0 when the container has ended already. */
  async publishedPort(port: number): Promise<number> {
    const { NetworkSettings } = await this.container.inspect();
    return Number(NetworkSettings.Ports[`${port}/tcp`]?.[0]?.HostPort ?? 0);
  }

  end(): Promise<void> {
    this.ending ??= this.endAndRemove();
    return this.ending;
  }

  private async endAndRemove(): Promise<void> {
    if (!this.hasExited) await this.signal('SIGTERM', TERM_LIMIT_MS);
    if (!this.hasExited) await this.signal('SIGKILL', KILL_LIMIT_MS);
    await removeContainer(this.container);
    await Promise.race([this.outputEnded, delay(KILL_LIMIT_MS)]);
    for (const stream of this.streams as PassThrough[]) stream.end();
  }

  private async signal(name: string, limitMs: number): Promise<void> {
    await this.container.kill({ signal: name }).catch(() => undefined);
    await Promise.race([this.exited, delay(limitMs)]);
  }

  /**
   * The end of the output and of the wait are both only reasons to look: they also end when the connection to the engine
   * does.
   */
  private async untilExited(): Promise<ExecutionEnd> {
    await Promise.race([this.waited, this.outputEnded]);
    let awaySince: number | undefined;
    for (let pause = FIRST_LOOK_MS; ; pause = Math.min(2 * pause, LONGEST_LOOK_MS)) {
      try {
        const { State } = await this.container.inspect();
        awaySince = undefined;
        if (!State.Running && !['created', 'configured', 'initialized'].includes(State.Status))
          return this.endOf(State);
      } catch (error) {
        if (engineStatus(error) === 404)
          return { exitCode: undefined, reason: 'the removal of its container' };
        awaySince ??= performance.now();
        if (performance.now() - awaySince > ENGINE_AWAY_MS)
          return { exitCode: undefined, reason: 'the agent, whose container engine did not answer any more' };
      }
      await delay(pause);
    }
  }

  private endOf({ ExitCode: exitCode, OOMKilled, Error: problem }: State): ExecutionEnd {
    // Podman does not report on control groups of version 1 that memory ran out.
    const isLikely = exitCode === KILLED && this.memoryLimit !== undefined && this.ending === undefined;
    if (OOMKilled || isLikely) {
      const limit =
        this.memoryLimit === undefined ? 'the machine has' : `its limit of ${mebibytes(this.memoryLimit)}`;
      return {
        exitCode,
        reason: `it ${OOMKilled ? 'needed' : 'was killed, most likely because it needed'} more memory than ${limit}`,
      };
    }
    return { exitCode, reason: problem ? engineMessage(new Error(problem)) : undefined };
  }
}

const mebibytes = (bytes: number): string => `${Math.round((bytes / 1024 ** 2) * 10) / 10} MiB`;

/** Ends and removes a container and its anonymous volumes; what an engine refuses is logged, and left to the next start. */
export async function removeContainer(container: Docker.Container): Promise<void> {
  for (let round = 1; ; round += 1) {
    try {
      await container.remove({ force: true, v: true });
      return;
    } catch (error) {
      if (engineStatus(error) === 404) return;
      if (round === REMOVE_ROUNDS) {
        logger.warn(`container ${container.id.slice(0, 12)} cannot be removed: ${engineMessage(error)}`);
        return;
      }
      await delay(round * TERM_LIMIT_MS);
    }
  }
}
