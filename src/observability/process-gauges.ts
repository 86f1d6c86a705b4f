import { constants, monitorEventLoopDelay, performance, PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';

import { type Config, packageVersion } from '../config/index.js';
import { histogramOf, observe, PROCESS } from '../telemetry/index.js';

const RESOLUTION_MS = 10;
const NANOSECONDS = 1e9;
const MICROSECONDS = 1e6;
/** Two readers of the page, such as a pair of Prometheus servers, get the same figures within this time. */
const SHORTEST_WINDOW_MS = 5000;

/** Begins to measure this process; returns a function that stops it. */
export function measureProcess({ role }: Config): () => void {
  observe(PROCESS.buildInfo, (set) => set(1, { version: packageVersion, role }));
  observe(PROCESS.uptime, (set) => set(process.uptime()));
  observe(PROCESS.cpuTime, (set) => {
    const { user, system } = process.cpuUsage();
    set(user / MICROSECONDS, { 'cpu.mode': 'user' });
    set(system / MICROSECONDS, { 'cpu.mode': 'system' });
  });
  observe(PROCESS.memoryUsage, (set) => set(process.memoryUsage.rss()));
  observe(PROCESS.heapUsed, (set) => {
    for (const { space_name, space_used_size } of getHeapSpaceStatistics())
      set(space_used_size, { 'v8js.heap.space.name': space_name });
  });
  observe(PROCESS.heapLimit, (set) => set(getHeapStatistics().heap_size_limit));
  const stopEventLoop = measureEventLoop();
  const stopCollections = measureCollections();
  return () => {
    stopEventLoop();
    stopCollections();
  };
}

function measureEventLoop(): () => void {
  const monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  monitor.enable();
  // The interval between two samples counts as delay in it.
  const seconds = (value: number): number => Math.max(0, value / NANOSECONDS - RESOLUTION_MS / 1000);
  const read = () => ({
    p50: seconds(monitor.percentile(50)),
    p99: seconds(monitor.percentile(99)),
    max: seconds(monitor.max),
    usage: performance.eventLoopUtilization(),
    at: Date.now(),
  });
  let before = performance.eventLoopUtilization();
  let latest: ReturnType<typeof read> | undefined;
  const delays = (): ReturnType<typeof read> => {
    if (latest && Date.now() - latest.at < SHORTEST_WINDOW_MS) return latest;
    if (latest) before = latest.usage;
    latest = read();
    monitor.reset();
    return latest;
  };
  observe(PROCESS.eventLoopP50, (set) => set(delays().p50));
  observe(PROCESS.eventLoopP99, (set) => set(delays().p99));
  observe(PROCESS.eventLoopMax, (set) => set(delays().max));
  observe(PROCESS.eventLoopUtilization, (set) =>
    set(performance.eventLoopUtilization(delays().usage, before).utilization),
  );
  return () => monitor.disable();
}

const COLLECTIONS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
};

function measureCollections(): () => void {
  const duration = histogramOf(PROCESS.gcDuration);
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      // Missing in Node's types.
      const { kind } = Reflect.get(entry, 'detail') as { readonly kind: number };
      const type = COLLECTIONS[kind];
      if (type !== undefined) duration.record(entry.duration / 1000, { 'v8js.gc.type': type });
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => observer.disconnect();
}
