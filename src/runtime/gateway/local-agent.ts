import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';

import { type BeforeApplicationShutdown, Inject, Injectable, Logger } from '@nestjs/common';

import {
  Addresses,
  CONFIG,
  type Config,
  errorText,
  packagePaths,
  proxyVariables,
  StartError,
  traceVariables,
} from '../../config/index.js';
import { keepRunning } from '../../tunnel/index.js';
import { CredentialsService } from '../credentials/index.js';

const RESTART = { firstMs: 250, longestMs: 15_000, steadyMs: 30_000 };
const END_LIMIT_MS = 3000;
/** Environment variables for the agent process, with those of proxies and of OpenTelemetry; none of ours with a secret. */
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
  'DOCKER_HOST',
  'XDG_RUNTIME_DIR',
];

/** The local agent of role `all`: a child process that dials in like any other agent, restarted when it ends. */
@Injectable()
export class LocalAgent implements BeforeApplicationShutdown {
  private readonly logger = new Logger('LocalAgent');
  /** Ends the agent after its drain, and `closing` at once. */
  private readonly over = new AbortController();
  private readonly closing = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly addresses: Addresses,
    private readonly credentials: CredentialsService,
  ) {}

  /**
   * Starts the agent; the server must be listening.
   *
   * @param umask for the files of its tasks, since that of the server is stricter.
   */
  async start(umask: number): Promise<void> {
    if (!existsSync(packagePaths.entry))
      throw new StartError(`${packagePaths.entry} is missing. Build it: npm run build`);
    const { signal } = this.over;
    const run = async (): Promise<void> => {
      const end = await this.runOnce(umask);
      if (!signal.aborted) this.logger.warn(`the local agent ended (${end}) and is started again`);
    };
    this.running = keepRunning(run, signal, RESTART);
  }

  /** Ends the agent after its drain; the server still answers meanwhile. */
  async drain(): Promise<void> {
    const limitMs = this.config.agentDrainSeconds * 1000 + END_LIMIT_MS;
    const insist = setTimeout(() => this.closing.abort(), limitMs);
    this.over.abort();
    await this.running;
    clearTimeout(insist);
  }

  /** Ends at once what is left of it: the gateway closes. */
  async beforeApplicationShutdown(): Promise<void> {
    this.closing.abort();
    await this.drain();
  }

  /** Returns how the process ended. */
  private async runOnce(umask: number): Promise<string> {
    const child = fork(packagePaths.entry, ['agent', '--local'], {
      cwd: packagePaths.root,
      env: this.environment(),
      execArgv: [],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const drain = (): void => void child.kill('SIGTERM');
    const stop = (): void => end(child);
    this.over.signal.addEventListener('abort', drain, { once: true });
    this.closing.signal.addEventListener('abort', stop, { once: true });
    try {
      child.send({ ...this.order(), umask }, () => undefined);
      const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
      return signal ?? `exit code ${code}`;
    } catch (error) {
      return errorText(error);
    } finally {
      this.over.signal.removeEventListener('abort', drain);
      this.closing.signal.removeEventListener('abort', stop);
    }
  }

  private environment(): NodeJS.ProcessEnv {
    return {
      ...Object.fromEntries(INHERITED.map((name) => [name, process.env[name]])),
      ...proxyVariables(),
      ...traceVariables(),
      CYBERUN_LOGGER_LEVEL: this.config.loggerLevel,
      CYBERUN_LOGGER_FORMAT: this.config.loggerFormat,
    };
  }

  /** The options of the agent, sent over IPC only. */
  private order() {
    const { agentLabels, agentSlots, agentDrainSeconds, agentRegistryCredentials, dataDir } = this.config;
    return {
      gateways: [this.addresses.loopback],
      key: this.credentials.mintEphemeralAgentKey(),
      agentId: `local-${hostname()
        .replaceAll(/[^A-Za-z0-9._-]/g, '-')
        .slice(0, 80)}`,
      labels: [...agentLabels],
      slots: agentSlots,
      isProxyShared: this.config.agentTaskProxies,
      drainSeconds: agentDrainSeconds,
      workDir: join(resolve(dataDir), 'agent'),
      confinement: { mode: this.config.agentConfine, hidden: [resolve(dataDir)] },
      containers: {
        socket: this.config.agentContainerSocket,
        volumes: [...this.config.agentVolumeAllow],
        capabilities: [...this.config.agentContainerCapabilities],
        // The working directory of the agent is another one.
        ...(agentRegistryCredentials !== undefined && {
          registryCredentials: resolve(agentRegistryCredentials),
        }),
      },
    };
  }
}

function end(child: ChildProcess): void {
  // It ends at once without the channel.
  if (child.connected) child.disconnect();
  const insist = setTimeout(() => child.kill('SIGKILL'), END_LIMIT_MS);
  child.once('exit', () => clearTimeout(insist));
}
