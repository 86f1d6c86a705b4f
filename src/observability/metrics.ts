import type { Config } from '../config/index.js';

/** The page of metrics, being served. */
export interface MetricsPage {
  /** Says in the log where it is. */
  announce(): void;
  end(): Promise<void>;
}

/**
 * Serves `/metrics` if a port is set for it. What counts finds its counters when it is made, so this comes first.
 *
 * @throws {StartError} when the port cannot be had.
 */
export async function serveMetrics({ httpHost, metricsPort }: Config): Promise<MetricsPage | undefined> {
  if (metricsPort === undefined) return undefined;
  // Loaded only by those who want it.
  const { PrometheusPage } = await import('./prometheus-page.js');
  return await PrometheusPage.serve(httpHost, metricsPort);
}
