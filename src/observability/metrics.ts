import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Logger } from '@nestjs/common';
import { metrics } from '@opentelemetry/api';
import type { ViewOptions } from '@opentelemetry/sdk-metrics';

import { bareHost, type Config, originOf, StartError } from '../config/index.js';
import { METRIC_GROUPS, nameWithUnit } from '../telemetry/index.js';
import { measureProcess } from './process-gauges.js';

const PATH = '/metrics';
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
/** Errors that another port avoids. */
const PORT_TROUBLE: ReadonlySet<string | undefined> = new Set(['EADDRINUSE', 'EACCES']);

export interface MetricsPage {
  announce(): void;
  end(): Promise<void>;
}

/**
 * Serves `/metrics` in the Prometheus format if a port is set for it. To be called first: counters are bound to the
 * provider when they are created.
 *
 * @throws {StartError} when the port is not available.
 */
export async function serveMetrics(config: Config): Promise<MetricsPage | undefined> {
  const { httpHost, metricsPort } = config;
  if (metricsPort === undefined) return undefined;
  // Loaded only when they are used.
  const { PrometheusExporter } = await import('@opentelemetry/exporter-prometheus');
  const { MeterProvider } = await import('@opentelemetry/sdk-metrics');
  const exporter = new PrometheusExporter({
    preventServerStart: true,
    withoutScopeInfo: true,
    withoutTargetInfo: true,
  });
  const provider = new MeterProvider({ readers: [exporter], views: namesWithUnits() });
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
  await listen(server, httpHost, metricsPort);
  const stopMeasuring = measureProcess(config);
  return {
    announce: () => {
      const { port } = server.address() as AddressInfo;
      new Logger('Metrics').log({ message: 'served', endpoint: `${originOf(httpHost, port)}${PATH}` });
    },
    end: async () => {
      server.close();
      server.closeAllConnections();
      stopMeasuring();
      await provider.shutdown();
    },
  };
}

/** The exporter leaves the unit out of the names. */
const namesWithUnits = (): ViewOptions[] =>
  METRIC_GROUPS.flatMap(({ metrics: group }) => group)
    .map((metric) => ({ instrumentName: metric.name, name: nameWithUnit(metric) }))
    .filter(({ instrumentName, name }) => instrumentName !== name);

async function listen(server: Server, host: string, port: number): Promise<void> {
  try {
    server.listen(port, bareHost(host));
    await once(server, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!PORT_TROUBLE.has(code)) throw error;
    const message = `Port ${port} on ${host} is not available for metrics (${code}). Choose another with CYBERUN_METRICS_PORT (0 picks a free one), or leave it empty.`;
    throw new StartError(message, { cause: error });
  }
}
