import { Injectable } from '@nestjs/common';

import { AGENTS, BoundedValues, observe, TASKS } from '../../telemetry/index.js';
import { OPEN_STATES, TaskMetrics } from '../tasks/index.js';
import { SharedState } from './shared-state.js';

const MOST_SERVICES = 100;

/** Gauges of the whole database, which one of its nodes reports. */
@Injectable()
export class SharedGauges {
  private readonly services = new BoundedValues(MOST_SERVICES);
  /** Sets of labels that had open tasks; a set without any is 0, and not missing. */
  private readonly labelSets = new Set<string>();

  constructor(
    private readonly shared: SharedState,
    private readonly tasks: TaskMetrics,
  ) {
    observe(TASKS.tasksOpen, async (set) => {
      for (const [labels, { counts }] of (await this.byLabels()) ?? [])
        for (const state of OPEN_STATES) set(counts[state] ?? 0, { labels, state });
    });
    observe(TASKS.tasksOldest, async (set) => {
      for (const [labels, { oldest }] of (await this.byLabels()) ?? []) set(oldest, { labels });
    });
    observe(AGENTS.serviceReplicas, async (set) => {
      for (const [service, counts] of (await this.byService()) ?? [])
        for (const [state, count] of Object.entries(counts)) set(count, { service, state });
    });
  }

  private async byLabels() {
    const state = await this.shared.latest();
    if (!state) return undefined;
    const found = new Map<string, { counts: Partial<Record<string, number>>; oldest: number }>();
    const entryOf = (labels: string) => {
      const entry = found.get(labels) ?? { counts: {}, oldest: 0 };
      found.set(labels, entry);
      this.labelSets.add(labels);
      return entry;
    };
    for (const labels of this.labelSets) entryOf(labels);
    for (const { labels, state: name, count, oldest_seconds } of state.tasks) {
      const entry = entryOf(this.tasks.labelOf(labels));
      entry.counts[name] = (entry.counts[name] ?? 0) + count;
      entry.oldest = Math.max(entry.oldest, oldest_seconds ?? 0);
    }
    return found;
  }

  private async byService() {
    const state = await this.shared.latest();
    if (!state) return undefined;
    const found = new Map<string, { wanted: number; running: number; failed: number }>();
    for (const { service: slug, wanted, running, failed } of state.services) {
      const service = this.services.labelOf(slug);
      const sum = found.get(service) ?? { wanted: 0, running: 0, failed: 0 };
      found.set(service, {
        wanted: sum.wanted + wanted,
        running: sum.running + running,
        failed: sum.failed + failed,
      });
    }
    return found;
  }
}
