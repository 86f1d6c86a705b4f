import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';

import { type BeforeApplicationShutdown, Inject, Injectable, Logger } from '@nestjs/common';

import { Addresses, CONFIG, type Config, packagePaths, StartError } from '../../config/index.js';
import { keepRunning } from '../../tunnel/index.js';
import { LocalKeys } from '../gateway/index.js';

const RESTART = { firstMs: 250, longestMs: 15_000, steadyMs: 30_000 };
const END_LIMIT_MS = 3000;
/** Of our environment: what a program needs to run here, and nothing that could be a secret. */
const INHERITED = [
  'PATH',
  'HOME',
  'LANG',
  'TZ',
  'TMPDIR',
  'SystemRoot',
  'ComSpec',
  'PATHEXT',
  'windir',
  'TEMP',
  'NODE_EXTRA_CA_CERTS',
];

/** The one agent of role `all`: a process of its own that dials in like any other, started again when it dies. */
@Injectable()
export class LocalAgent implements BeforeApplicationShutdown {
  private readonly logger = new Logger('LocalAgent');
  private readonly over = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly addresses: Addresses,
    private readonly keys: LocalKeys,
  ) {}

  /**
   * Starts it; the server has to listen already.
   *
   * @param umask what new files of its tasks get, since the server's own is stricter.
   */
  start(umask: number): Promise<void> {
    if (!existsSync(packagePaths.entry)) {
      return Promise.reject(new StartError(`${packagePaths.entry} is missing. Build it: npm run build`));
    }
    this.running = this.keepRunning(umask);
    return Promise.resolve();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.over.abort();
    await this.running;
  }

  private keepRunning(umask: number): Promise<void> {
    const { signal } = this.over;
    const run = async (): Promise<void> => {
      const end = await this.runOnce(umask);
      if (!signal.aborted) this.logger.warn(`the local agent ended (${end}) and is started again`);
    };
    return keepRunning(run, signal, RESTART);
  }

  /** Returns how the process ended. */
  private async runOnce(umask: number): Promise<string> {
    const child = fork(packagePaths.entry, ['agent', '--local'], {
      cwd: packagePaths.root,
      env: this.environment(),
      execArgv: [],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const stop = (): void => void end(child);
    this.over.signal.addEventListener('abort', stop, { once: true });
    try {
      child.send({ ...this.order(), umask }, () => undefined);
      const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
      return signal ?? `exit code ${code}`;
    } catch (error) {
      return (error as Error).message;
    } finally {
      this.over.signal.removeEventListener('abort', stop);
    }
  }

  private environment(): Record<string, string> {
    return {
      ...Object.fromEntries(INHERITED.flatMap((name) => variable(name))),
      CYBERUN_LOGGER_LEVEL: this.config.loggerLevel,
      CYBERUN_LOGGER_FORMAT: this.config.loggerFormat,
    };
  }

  /** What the process is told, over IPC alone. */
  private order() {
    const { agentLabels, agentSlots, dataDir } = this.config;
    return {
      gateway: this.addresses.loopback,
      key: this.keys.mint(),
      agentId: `local-${hostname()
        .replaceAll(/[^A-Za-z0-9._-]/g, '-')
        .slice(0, 80)}`,
      labels: [...agentLabels],
      slots: agentSlots,
      workDir: join(resolve(dataDir), 'agent'),
    };
  }
}

function variable(name: string): [string, string][] {
  const value = process.env[name];
  return value === undefined ? [] : [[name, value]];
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  const insist = setTimeout(() => child.kill('SIGKILL'), END_LIMIT_MS);
  child.once('exit', () => clearTimeout(insist));
}
