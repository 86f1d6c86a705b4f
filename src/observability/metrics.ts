import type { Config } from '../config/index.js';

/** The running server of `/metrics`. */
export interface MetricsPage {
  /** Logs its address. */
  announce(): void;
  end(): Promise<void>;
}

/**
 * Serves `/metrics` if a port is set for it. To be called first: counters are bound to the provider when they are created.
 *
 * @throws {StartError} when the port is not available.
 */
export async function serveMetrics({ httpHost, metricsPort }: Config): Promise<MetricsPage | undefined> {
  if (metricsPort === undefined) return undefined;
  // Loaded only when it is used.
  const { PrometheusPage } = await import('./prometheus-page.js');
  return await PrometheusPage.serve(httpHost, metricsPort);
}
