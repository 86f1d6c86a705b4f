import { Injectable } from '@nestjs/common';

import type { TaskState } from '../../contract/index.js';
import { BoundedValues, counterOf, histogramOf, TASKS } from '../../telemetry/index.js';
import { labelsIn } from './agent-requirements.js';
import type { TaskRow } from './task-transitions.js';

const MOST_LABEL_SETS = 100;

/** What became of a run; one that is `retried` has failed. */
export type RunEnding = 'completed' | 'failed' | 'retried' | 'interrupted' | 'returned';

type EndState = Extract<TaskState, 'completed' | 'failed' | 'cancelled'>;

/** Counts the tasks and runs that this process moves on. Ids, slugs and teams are no labels: they have no bound. */
@Injectable()
export class TaskMetrics {
  private readonly labelSets = new BoundedValues(MOST_LABEL_SETS);
  private readonly submissions = counterOf(TASKS.tasksSubmitted);
  private readonly ends = counterOf(TASKS.tasksEnded);
  private readonly queueDuration = histogramOf(TASKS.queueDuration);
  private readonly runDuration = histogramOf(TASKS.runDuration);
  private readonly repeated = {
    retried: counterOf(TASKS.runsRetried),
    interrupted: counterOf(TASKS.runsInterrupted),
    returned: counterOf(TASKS.runsReturned),
  };

  /** The labels of what tasks require, as the value of one label. */
  labelOf(required: readonly string[]): string {
    const labels = labelsIn(required);
    return this.labelSets.labelOf(labels.length === 0 ? 'none' : labels.toSorted().join(','));
  }

  submitted(labels: readonly string[]): void {
    const set = { labels: this.labelOf(labels) };
    this.submissions.add(1, set);
    // Present from the first task on, so that the first run that is lost shows as an increase.
    for (const counter of Object.values(this.repeated)) counter.add(0, set);
  }

  /** A run has started; only the first waits for nothing but its turn. */
  started({ attempt_count, created_at, started_at, required_labels }: TaskRow): void {
    if (attempt_count !== 1 || started_at === null) return;
    this.queueDuration.record(secondsBetween(created_at, started_at), {
      labels: this.labelOf(required_labels),
    });
  }

  runEnded({ started_at, required_labels }: TaskRow, outcome: RunEnding): void {
    const labels = this.labelOf(required_labels);
    if (outcome in this.repeated) this.repeated[outcome as keyof typeof this.repeated].add(1, { labels });
    if (outcome === 'completed' || outcome === 'failed') this.taskEnded(required_labels, outcome);
    // Lost before its agent had acknowledged it.
    if (started_at === null) return;
    const result = outcome === 'retried' ? 'failed' : outcome;
    this.runDuration.record(secondsBetween(started_at, new Date()), { labels, outcome: result });
  }

  taskEnded(required_labels: readonly string[], state: EndState): void {
    this.ends.add(1, { labels: this.labelOf(required_labels), state });
  }
}

/** Not negative, since the clocks of the database and of this process may differ. */
const secondsBetween = (from: Date, to: Date): number => Math.max(0, to.getTime() - from.getTime()) / 1000;
