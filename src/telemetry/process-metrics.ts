import { counter, gauge, histogram } from './metric.js';

/** Of the process, in every role that serves HTTP. */
export const PROCESS = {
  buildInfo: gauge('cyberun.build.info', {
    unit: '',
    description: 'Always 1',
    labels: { version: 'of the product', role: '`all`, `mcp` or `runtime`' },
  }),
  ready: gauge('cyberun.ready', {
    unit: '',
    description: '1 while `/health/ready` answers 200, else 0',
    labels: { role: '`all`, `mcp` or `runtime`' },
  }),
  auditLinesLost: counter('cyberun.audit.lines.lost', {
    unit: '{line}',
    description: 'Lines of the audit that could not be written',
  }),
  uptime: gauge('process.uptime', { unit: 's', description: 'Time since the start of the process' }),
  cpuTime: counter('process.cpu.time', {
    unit: 's',
    description: 'Processor time of all threads',
    labels: { 'cpu.mode': '`user` or `system`' },
  }),
  memoryUsage: gauge('process.memory.usage', { unit: 'By', description: 'Resident memory (RSS)' }),
  heapUsed: gauge('v8js.memory.heap.used', {
    unit: 'By',
    description: 'Heap of V8 in use',
    labels: { 'v8js.heap.space.name': 'space of the heap' },
  }),
  heapLimit: gauge('cyberun.heap.limit', {
    unit: 'By',
    description: 'Heap limit of V8, from which limits of requests and connections follow',
  }),
  gcDuration: histogram('v8js.gc.duration', {
    unit: 's',
    description: 'Pauses for garbage collection',
    buckets: [0.01, 0.1, 1, 10],
    labels: { 'v8js.gc.type': '`minor`, `major`, `incremental` or `weakcb`' },
  }),
  eventLoopP50: gauge('nodejs.eventloop.delay.p50', {
    unit: 's',
    description: 'Median of the delay of the event loop since the metrics were read last',
  }),
  eventLoopP99: gauge('nodejs.eventloop.delay.p99', { unit: 's', description: 'Its 99th percentile' }),
  eventLoopMax: gauge('nodejs.eventloop.delay.max', { unit: 's', description: 'Its maximum' }),
  eventLoopUtilization: gauge('nodejs.eventloop.utilization', {
    unit: '1',
    description: 'Share of the time in which the event loop was busy, since the metrics were read last',
  }),
} as const;
