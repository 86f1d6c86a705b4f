export { HttpErrorFilter } from './http-error.filter.js';
export { Logger } from './logger.js';
export { type MetricsPage, serveMetrics } from './metrics.js';
