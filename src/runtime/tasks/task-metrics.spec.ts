import { metrics } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { expect, it, onTestFinished } from 'vitest';

import { TaskMetrics } from './task-metrics.js';
import type { TaskRow } from './task-transitions.js';

/** Counters as the page has them, without their values of zero. */
async function counted(use: (taskMetrics: TaskMetrics) => void): Promise<string[]> {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [exporter] }));
  onTestFinished(() => metrics.disable());
  use(new TaskMetrics());
  const { resourceMetrics } = await exporter.collect();
  const serializer = new PrometheusSerializer('', false, undefined, true, true);
  const lines = serializer.serialize(resourceMetrics).split('\n');
  return lines.filter((line) => /^cyberun_\w+_(?:total|count)\{.* [1-9]/.test(line)).toSorted();
}

const run = { required_labels: ['gpu', 'arm'], started_at: new Date() } as TaskRow;

it('each end of a run is counted once, by what became of it and of its task', async () => {
  const lines = await counted((taskMetrics) => {
    taskMetrics.submitted(['gpu', 'arm']);
    for (const ending of ['completed', 'retried', 'failed', 'interrupted', 'returned'] as const)
      taskMetrics.runEnded(run, ending);
    taskMetrics.taskEnded([], 'cancelled');
  });
  expect(lines).toEqual([
    'cyberun_run_duration_count{labels="arm,gpu",outcome="completed"} 1',
    'cyberun_run_duration_count{labels="arm,gpu",outcome="failed"} 2',
    'cyberun_run_duration_count{labels="arm,gpu",outcome="interrupted"} 1',
    'cyberun_run_duration_count{labels="arm,gpu",outcome="returned"} 1',
    'cyberun_runs_interrupted_total{labels="arm,gpu"} 1',
    'cyberun_runs_retried_total{labels="arm,gpu"} 1',
    'cyberun_runs_returned_total{labels="arm,gpu"} 1',
    'cyberun_tasks_ended_total{labels="arm,gpu",state="completed"} 1',
    'cyberun_tasks_ended_total{labels="arm,gpu",state="failed"} 1',
    'cyberun_tasks_ended_total{labels="none",state="cancelled"} 1',
    'cyberun_tasks_submitted_total{labels="arm,gpu"} 1',
  ]);
});

it('a run that no agent had acknowledged has no duration, and sets of labels beyond the bound are one', async () => {
  const lines = await counted((taskMetrics) => {
    for (let n = 0; n < 102; n += 1)
      taskMetrics.runEnded({ required_labels: [`l${n}`], started_at: null } as TaskRow, 'interrupted');
  });
  expect(lines).toHaveLength(101);
  expect(lines).toContain('cyberun_runs_interrupted_total{labels="_OTHER"} 2');
});
