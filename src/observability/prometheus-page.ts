import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Logger } from '@nestjs/common';
import { metrics } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';

import { StartError } from '../config/index.js';
import type { MetricsPage } from './metrics.js';

const PATH = '/metrics';
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
/** Errors that another port avoids. */
const PORT_TROUBLE: ReadonlySet<string | undefined> = new Set(['EADDRINUSE', 'EACCES']);

/** All metrics in the Prometheus format, on their own port. */
export class PrometheusPage implements MetricsPage {
  private constructor(
    private readonly server: Server,
    private readonly provider: MeterProvider,
    private readonly host: string,
  ) {}

  static async serve(host: string, port: number): Promise<PrometheusPage> {
    const exporter = new PrometheusExporter({
      preventServerStart: true,
      withoutScopeInfo: true,
      withoutTargetInfo: true,
    });
    const provider = new MeterProvider({ readers: [exporter] });
    metrics.setGlobalMeterProvider(provider);
    const server = createServer((request, response) => {
      if (request.method === 'GET' && request.url?.split('?')[0] === PATH) {
        exporter.getMetricsRequestHandler(request, response);
        // The exporter omits the version of the format, which recent versions of Prometheus then have to guess.
        response.setHeader('Content-Type', CONTENT_TYPE);
      } else {
        response.writeHead(404).end();
      }
    });
    await listen(server, host, port);
    return new PrometheusPage(server, provider, host);
  }

  announce(): void {
    const { port } = this.server.address() as AddressInfo;
    const host = this.host.includes(':') && !this.host.startsWith('[') ? `[${this.host}]` : this.host;
    new Logger('Metrics').log({ message: 'served', endpoint: `http://${host}:${port}${PATH}` });
  }

  async end(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await this.provider.shutdown();
  }
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!PORT_TROUBLE.has(code)) throw error;
    const message = `Port ${port} on ${host} is not available for metrics (${code}). Choose another with CYBERUN_METRICS_PORT (0 picks a free one), or leave it empty.`;
    throw new StartError(message, { cause: error });
  }
}
