import { mkdir } from 'node:fs/promises';
import type { ServerHttp2Stream } from 'node:http2';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { ServiceOrder, ServiceReport } from '../../contract/index.js';
import { cleanEnvironment } from '../clean-environment.js';
import { LogTail, onLines, type ProcessGroup, type ProcessGroups } from '../processes/index.js';
import { freePort } from './free-port.js';
import { type Probed, untilHealthy, whileHealthy } from './health-probe.js';
import { refuseConnection } from './service-connection.js';
import { failureOf, ProcessEnded } from './service-failure.js';
import { ServiceTraffic } from './service-traffic.js';

const PORT_REFERENCE = /^\$\{\s*\.port\s*\}$/;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** A service that ran this long begins anew with the shortest pause. */
const STEADY_MS = 60_000;

export interface HostedServiceSurroundings {
  readonly workDir: string;
  readonly groups: ProcessGroups;
  /** Where the files beside the definition are; a service without any works in a folder of its own. */
  readonly files: string | undefined;
  readonly report: (report: ServiceReport) => void;
}

/** A service on this machine: started, probed, started again when it fails, until told to stop. */
export class HostedService {
  /** Where it listens; `undefined` while it cannot be called. */
  private port: number | undefined;
  private readonly traffic = new ServiceTraffic();

  constructor(
    private readonly order: ServiceOrder,
    private readonly surroundings: HostedServiceSurroundings,
  ) {}

  /** Joins a stream of the tunnel to a new connection to it, if it can be called. */
  connect(stream: ServerHttp2Stream): void {
    if (this.port === undefined) refuseConnection(stream, 'the service is not running');
    else this.traffic.join(stream, this.port);
  }

  /** Resolves after the signal, when no process of the service is left. */
  async keepRunning(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; failures += 1) {
      const begin = performance.now();
      const failure = await this.runOnce(signal);
      if (signal.aborted) break;
      this.surroundings.report({ state: 'failed', ...(failure && { failure }) });
      if (performance.now() - begin > STEADY_MS) failures = 0;
      const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
      await delay(pause, undefined, { signal }).catch(() => undefined);
    }
    this.surroundings.report({ state: 'stopped' });
  }

  /** Returns why it does not run any more. */
  private async runOnce(signal: AbortSignal): Promise<ServiceReport['failure']> {
    this.surroundings.report({ state: 'deploying' });
    const tail = new LogTail();
    const over = new AbortController();
    let group: ProcessGroup | undefined;
    let error: unknown;
    try {
      const port = await freePort();
      group = await this.start(port);
      for (const stream of group.streams) onLines(stream, { line: (line) => tail.add(line) });
      const either = AbortSignal.any([signal, over.signal]);
      await Promise.race([endOf(group), this.watch(port, either), untilAborted(either)]);
    } catch (reason) {
      error = reason;
    }
    this.port = undefined;
    over.abort();
    if (signal.aborted) this.surroundings.report({ state: 'stopping' });
    // Its last words are read before they are told.
    await group?.end();
    return error === undefined ? undefined : failureOf(error, tail.last, this.order.environment);
  }

  private async watch(port: number, signal: AbortSignal): Promise<void> {
    const { health_path, limits } = this.order;
    const probed: Probed = { url: `http://127.0.0.1:${port}${health_path}`, limits, signal };
    await untilHealthy(probed);
    this.port = port;
    this.surroundings.report({ state: 'running', port });
    await whileHealthy(probed, () => this.traffic.isBusy(limits.request_timeout_ms));
  }

  private async start(port: number): Promise<ProcessGroup> {
    const { command, environment, service_slug } = this.order;
    const own = join(this.surroundings.workDir, 'services', service_slug);
    await mkdir(own, { recursive: true, mode: 0o700 });
    const [program = '', ...words] = command.map((word) => (PORT_REFERENCE.test(word) ? String(port) : word));
    return this.surroundings.groups.start({
      program,
      arguments: words,
      folder: this.surroundings.files ?? own,
      environment: {
        ...cleanEnvironment(own, own),
        CYBERUN_SERVICE_SLUG: service_slug,
        CYBERUN_SERVICE_DIR: own,
        ...environment,
        PORT: String(port),
      },
    });
  }
}

async function endOf(group: ProcessGroup): Promise<never> {
  const { exitCode, reason } = await group.exited;
  throw new ProcessEnded(exitCode, reason);
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
