import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import type { ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { Agent, request } from 'undici';

import {
  PORT_REFERENCE,
  serviceInstance,
  type ServiceOrder,
  type ServiceReport,
} from '../../contract/index.js';
import { keepRunning } from '../../tunnel/index.js';
import type { ContainerEngine } from '../containers/container-engine.js';
import type { Execution } from '../execution.js';
import { cleanEnvironment, type ProcessGroups } from '../processes/process-groups.js';
import { LogTail, onLines } from '../processes/process-output.js';
import { SecretMask } from '../processes/secret-mask.js';
import { refuseConnection, ServiceTraffic } from './service-connection.js';
import { startServiceContainer } from './service-container.js';
import { failureOf, lastLines, ProcessEnded } from './service-failure.js';

/** Lines of the log in the state of a service. */
const LOG_LINES = 40;
const RESTART = { firstMs: 500, longestMs: 30_000, steadyMs: 60_000 };

interface ServiceProcessContext {
  readonly workDir: string;
  readonly groups: ProcessGroups;
  readonly engine: ContainerEngine | undefined;
  /** Folder of the files beside the definition; without files, the service runs in its own folder. */
  readonly files: string | undefined;
  readonly report: (report: ServiceReport) => void;
}

/** A service on this machine: started, probed, and restarted when it fails, until it is stopped. */
export class ServiceProcess {
  /** Its port while it is running. */
  private port: number | undefined;
  private readonly traffic = new ServiceTraffic();
  /** Over all its runs. */
  private readonly log = new LogTail();

  constructor(
    private readonly order: ServiceOrder,
    private readonly context: ServiceProcessContext,
  ) {}

  connect(stream: ServerHttp2Stream): void {
    if (this.port === undefined) refuseConnection(stream, 'the service is not running');
    else this.traffic.join(stream, this.port);
  }

  /** The end of what it has written, also before a restart. */
  get logLines(): string[] {
    return lastLines(this.log.last, LOG_LINES);
  }

  /** Resolves after the signal, when every process of the service has ended. */
  async keepRunning(signal: AbortSignal): Promise<void> {
    const run = async (): Promise<void> => {
      const failure = await this.runOnce(signal);
      if (!signal.aborted) this.context.report({ state: 'failed', ...(failure && { failure }) });
    };
    await keepRunning(run, signal, RESTART);
    this.context.report({ state: 'stopped' });
  }

  /** Runs the service once; returns why it ended. */
  private async runOnce(signal: AbortSignal): Promise<ServiceReport['failure']> {
    this.context.report({ state: 'deploying' });
    const tail = new LogTail();
    const mask = SecretMask.of(Object.values(this.order.environment));
    const line = (text: string): void => {
      tail.add(text);
      this.log.add(text);
    };
    const over = new AbortController();
    let execution: Execution | undefined;
    let error: unknown;
    try {
      const started = await this.start(line, signal);
      const { port } = started;
      ({ execution } = started);
      for (const stream of execution.streams) onLines(stream, { line }, mask);
      const either = AbortSignal.any([signal, over.signal]);
      await Promise.race([endOf(execution), this.watch(port, either), untilAborted(either)]);
    } catch (reason) {
      error = reason;
    }
    this.port = undefined;
    over.abort();
    if (signal.aborted) this.context.report({ state: 'stopping' });
    // Waits for the end of the output, which the report contains.
    await execution?.end();
    if (error === undefined) return undefined;
    const failure = failureOf(error, tail.last, mask);
    this.log.add(`[ended: ${failure.reason}]`);
    return failure;
  }

  private async watch(port: number, signal: AbortSignal): Promise<void> {
    const { health_path, limits } = this.order;
    const probed: Probed = { url: `http://127.0.0.1:${port}${health_path}`, limits, signal };
    await untilHealthy(probed);
    this.port = port;
    this.context.report({ state: 'running', port });
    await whileHealthy(probed, () => this.traffic.isBusy(limits.request_timeout_ms));
  }

  /** @param line receives what the start itself has to say. */
  private async start(
    line: (text: string) => void,
    signal: AbortSignal,
  ): Promise<{ readonly execution: Execution; readonly port: number }> {
    const { container } = this.order;
    if (container)
      return startServiceContainer(this.order, container, { ...this.context, log: line, signal });
    const port = await freePort();
    return { execution: await this.startProcess(port), port };
  }

  private async startProcess(port: number): Promise<Execution> {
    const { command, environment, service_slug, replica } = this.order;
    const own = join(this.context.workDir, 'services', serviceInstance(service_slug, replica));
    await mkdir(own, { recursive: true, mode: 0o700 });
    const [program = '', ...words] = command.map((word) => (PORT_REFERENCE.test(word) ? String(port) : word));
    return this.context.groups.start({
      program,
      arguments: words,
      folder: this.context.files ?? own,
      environment: {
        ...cleanEnvironment(own, own),
        CYBERUN_SERVICE_SLUG: service_slug,
        CYBERUN_SERVICE_REPLICA: String(replica),
        CYBERUN_SERVICE_DIR: own,
        ...environment,
        PORT: String(port),
      },
    });
  }
}

async function endOf(execution: Execution): Promise<never> {
  const { exitCode, reason } = await execution.exited;
  throw new ProcessEnded(exitCode, reason);
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** A port that is free at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const START_PAUSE_MS = 150;

/** Not the default dispatcher of Node: that is another version of undici, which ends the process on some responses. */
const dispatcher = new Agent({ pipelining: 0 });

interface Probed {
  readonly url: string;
  readonly limits: ServiceOrder['limits'];
  readonly signal: AbortSignal;
}

/** Resolves when the service answers its health path; rejects after the start timeout. */
async function untilHealthy({ url, limits, signal }: Probed): Promise<void> {
  const end = performance.now() + limits.start_timeout_ms;
  while (!(await isHealthy(url, limits.health_timeout_ms, signal))) {
    if (performance.now() > end) {
      const seconds = limits.start_timeout_ms / 1000;
      throw new Error(`its health path did not answer within ${seconds} s (start_timeout)`);
    }
    await delay(START_PAUSE_MS, undefined, { signal });
  }
}

/** Rejects after several failed probes in a row. Failed probes of a busy service do not count. */
async function whileHealthy({ url, limits, signal }: Probed, isBusy: () => boolean): Promise<never> {
  for (let misses = 0; misses < limits.health_failures;) {
    await delay(limits.health_interval_ms, undefined, { signal });
    if (await isHealthy(url, limits.health_timeout_ms, signal)) misses = 0;
    else if (!isBusy()) misses += 1;
  }
  throw new Error(
    `its health path did not answer ${limits.health_failures} times in a row (health.failures)`,
  );
}

async function isHealthy(url: string, limitMs: number, signal: AbortSignal): Promise<boolean> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
    const { statusCode, body } = await request(url, { signal: limit, reset: true, dispatcher });
    await body.dump();
    return statusCode >= 200 && statusCode < 400;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
