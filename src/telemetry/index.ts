export { BoundedValues, OTHER } from './bounded-values.js';
export { CONNECTIONS, ENDPOINT, UPSTREAM } from './endpoint-metrics.js';
export { counterOf, histogramOf, observe } from './instruments.js';
export { METRIC_GROUPS } from './metric-groups.js';
export { type Metric, nameWithUnit, prometheusLabel, prometheusName } from './metric.js';
export { PROCESS } from './process-metrics.js';
export { AGENTS, DATABASE, TASKS } from './runtime-metrics.js';
export {
  currentScope,
  type LogScope,
  noteInScope,
  outsideScope,
  scopeFields,
  traceHeaders,
  withinCopy,
  withinScope,
} from './log-scope.js';
export { failSpan, startSpan } from './spans.js';
export { isTraceparent, type TraceContext, traceContextIn, traceContextOf } from './trace-context.js';
