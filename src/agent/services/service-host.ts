import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';

import { Logger } from '@nestjs/common';

import {
  AGENT_PATHS,
  serviceInstance,
  type ServiceLog,
  serviceOrder,
  type ServiceReport,
} from '../../contract/index.js';
import { readLines, writeLine } from '../../tunnel/index.js';
import type { Bundles } from '../bundles.js';
import type { ContainerEngine } from '../containers/container-engine.js';
import type { ProcessGroups } from '../processes/process-groups.js';
import { refuseConnection } from './service-connection.js';
import { ServiceProcess } from './service-process.js';

const logger = new Logger('Agent');
const INSTANCE = new RegExp(`^(?:${AGENT_PATHS.connections}|${AGENT_PATHS.serviceLogs})/([^/?]+)$`);

/** The services of an agent; each runs as long as the request that ordered it is open. */
export class ServiceHost {
  /** By instance. */
  private readonly services = new Map<string, ServiceProcess>();

  constructor(
    private readonly agent: {
      readonly workDir: string;
      readonly groups: ProcessGroups;
      readonly engine: ContainerEngine | undefined;
      readonly bundles: Bundles;
    },
  ) {}

  /** Keeps the ordered service running. Resolves when the request has ended and every process of the service, too. */
  async serve(stream: ServerHttp2Stream): Promise<void> {
    const stop = new AbortController();
    stream.once('close', () => stop.abort());
    const lines = readLines(stream);
    try {
      const order = serviceOrder.parse((await lines.next()).value);
      stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' });
      void untilEnd(lines).finally(() => stop.abort());
      using files = order.bundle && (await this.agent.bundles.use(order.bundle));
      const service = new ServiceProcess(order, {
        ...this.agent,
        files: files?.path,
        report: (report: ServiceReport) => void writeLine(stream, report),
      });
      const instance = serviceInstance(order.service_slug, order.replica);
      this.services.set(instance, service);
      await service.keepRunning(stop.signal);
      if (this.services.get(instance) === service) this.services.delete(instance);
      stream.end();
    } catch (error) {
      // A stream that the runtime has closed before its order is read belongs to a connection that ends.
      if (!stop.signal.aborted) logger.warn({ message: 'a service could not be served', error });
    }
    stream.close();
  }

  /** Connects a stream with the path `/connections/{instance}` to that service. */
  connect(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const service = this.named(headers);
    if (service) service.connect(stream);
    else refuseConnection(stream, 'the service is not running');
  }

  /** Answers with the end of the log of the service in the path. */
  log(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const service = this.named(headers);
    if (!service) return stream.respond({ ':status': 404 }, { endStream: true });
    stream.respond({ ':status': 200, 'content-type': 'application/json' });
    stream.end(JSON.stringify({ log_lines: service.logLines } satisfies ServiceLog));
  }

  private named(headers: IncomingHttpHeaders): ServiceProcess | undefined {
    return this.services.get(instanceIn(headers));
  }
}

/** The instance in the path of a request. */
export const instanceIn = (headers: IncomingHttpHeaders): string =>
  INSTANCE.exec(headers[':path'] ?? '')?.[1] ?? '';

/** Reads the rest of the stream of a service; resolves when its runtime has ended it, or it is broken. */
export async function untilEnd(lines: AsyncGenerator): Promise<void> {
  try {
    for await (const line of lines) logger.warn({ message: 'unknown order', line });
  } catch {
    // The stream was closed or broken; either stops the service.
  }
}
