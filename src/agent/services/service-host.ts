import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';

import { Logger } from '@nestjs/common';

import { AGENT_PATHS, serviceOrder, type ServiceReport } from '../../contract/index.js';
import { readLines, writeLine } from '../../tunnel/index.js';
import type { Bundles } from '../bundles.js';
import type { ProcessGroups } from '../processes/process-groups.js';
import { refuseConnection } from './service-connection.js';
import { ServiceProcess } from './service-process.js';

const logger = new Logger('Agent');
const CONNECTION = new RegExp(`^${AGENT_PATHS.connections}/([^/?]+)$`);

/** The services of an agent; each runs as long as the request that ordered it is open. */
export class ServiceHost {
  private readonly services = new Map<string, ServiceProcess>();

  constructor(
    private readonly agent: {
      readonly workDir: string;
      readonly groups: ProcessGroups;
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
      this.services.set(order.service_slug, service);
      await service.keepRunning(stop.signal);
      if (this.services.get(order.service_slug) === service) this.services.delete(order.service_slug);
      stream.end();
    } catch (error) {
      logger.warn({ message: 'a service could not be served', error });
    }
    stream.close();
  }

  /** Connects a stream with the path `/connections/{service_slug}` to that service. */
  connect(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const [, slug = ''] = CONNECTION.exec(headers[':path'] ?? '') ?? [];
    const service = this.services.get(slug);
    if (service) service.connect(stream);
    else refuseConnection(stream, 'the service is not running');
  }
}

async function untilEnd(lines: AsyncGenerator): Promise<void> {
  try {
    for await (const line of lines) logger.warn({ message: 'unknown order', line });
  } catch {
    // The stream was closed or broken; either stops the service.
  }
}
