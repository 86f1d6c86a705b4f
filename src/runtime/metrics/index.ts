export { RuntimeMetricsModule } from './runtime-metrics.module.js';
