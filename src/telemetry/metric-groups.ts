import { CONNECTIONS, ENDPOINT, UPSTREAM } from './endpoint-metrics.js';
import type { Metric } from './metric.js';
import { PROCESS } from './process-metrics.js';
import { AGENTS, DATABASE, TASKS } from './runtime-metrics.js';

interface MetricGroup {
  readonly title: string;
  readonly metrics: readonly Metric[];
}

/** Every metric, as they are printed together. */
export const METRIC_GROUPS: readonly MetricGroup[] = [
  { title: 'MCP endpoint', metrics: Object.values(ENDPOINT) },
  { title: 'Requests to the Runtime API', metrics: Object.values(UPSTREAM) },
  { title: 'Connections', metrics: Object.values(CONNECTIONS) },
  { title: 'Tasks', metrics: Object.values(TASKS) },
  { title: 'Agents and services', metrics: Object.values(AGENTS) },
  { title: 'Database and disk', metrics: Object.values(DATABASE) },
  { title: 'Process', metrics: Object.values(PROCESS) },
];
