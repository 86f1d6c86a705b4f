import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import type { ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';

import {
  PORT_REFERENCE,
  serviceInstance,
  type ServiceOrder,
  type ServiceReport,
} from '../../contract/index.js';
import { keepRunning, untilAborted } from '../../tunnel/index.js';
import type { ContainerEngine } from '../containers/container-engine.js';
import type { Execution } from '../execution.js';
import { cleanEnvironment, type ProcessGroups } from '../processes/process-groups.js';
import { LogTail, onLines } from '../processes/process-output.js';
import { SecretMask } from '../processes/secret-mask.js';
import { refuseConnection, ServiceTraffic } from './service-connection.js';
import { startServiceContainer } from './service-container.js';
import { failureOf, lastLines, LOG_LINES, ProcessEnded, RESTART } from './service-failure.js';
import { type ProbedService, untilHealthy, whileHealthy } from './service-health.js';

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
    else this.traffic.join(stream, { host: '127.0.0.1', port: this.port });
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
    const probed: ProbedService = { url: `http://127.0.0.1:${port}${health_path}`, limits, signal };
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

/** A port that is free at the moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
