export { HttpErrorFilter } from './http-error.filter.js';
export { Logger } from './logger.js';
export { type MetricsPage, serveMetrics } from './metrics.js';
export { startTraces, type TraceExport } from './traces.js';
