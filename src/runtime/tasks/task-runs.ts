import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';

import type { RunProgress } from '../../contract/index.js';
import type {
  ClaimedRun,
  ClaimingAgent,
  EligibleAgent,
  FailureRemains,
  StoredOutput,
  SuccessRemains,
} from './claimed-run.js';
import { RunOutcomes } from './run-outcomes.js';
import { RunReports } from './run-reports.js';
import { TaskClaims } from './task-claims.js';
import { WaitingTasks } from './waiting-tasks.js';

/** What the dispatcher does with tasks. A call about a run that was given up or cancelled changes nothing. */
@Injectable()
export class TaskRuns implements OnModuleInit {
  private readonly logger = new Logger('Tasks');

  constructor(
    private readonly claims: TaskClaims,
    private readonly reports: RunReports,
    private readonly outcomes: RunOutcomes,
    private readonly waiting: WaitingTasks,
  ) {}

  async onModuleInit(): Promise<void> {
    const count = await this.outcomes.recover();
    // Nobody is connected yet, whatever the tasks say.
    await this.waiting.agentsChanged([]);
    if (count > 0)
      this.logger.warn(`${count} run(s) were cut off when the server last ended; they begin again.`);
  }

  /** Takes up to `free` runs whose labels the agent has all of; they become `queued`. */
  claim(agent: ClaimingAgent, free: number): Promise<ClaimedRun[]> {
    return this.claims.claim(agent, free);
  }

  /** The agent acknowledged: `running`. */
  started(run: ClaimedRun): Promise<void> {
    return this.reports.started(run);
  }

  progress(run: ClaimedRun, progress: RunProgress): Promise<void> {
    return this.reports.progress(run, progress);
  }

  completed(
    run: ClaimedRun,
    output: unknown,
    files: readonly StoredOutput[],
    remains: SuccessRemains = {},
  ): Promise<void> {
    return this.outcomes.completed(run, output, files, remains);
  }

  /** Runs again while `max_retries` allows it and it is not final, else `failed`. */
  failed(run: ClaimedRun, error: string, remains: FailureRemains = {}): Promise<void> {
    return this.outcomes.failed(run, error, remains);
  }

  /** Agent or server lost: runs again, not counted as a retry. */
  interrupted(run: ClaimedRun): Promise<void> {
    return this.outcomes.interrupted(run);
  }

  /** Says these runs are alive; due every 10 s, a run silent for 60 s is given to another agent. */
  heartbeat(runs: readonly ClaimedRun[]): Promise<void> {
    return this.reports.heartbeat(runs);
  }

  /** Calls back when something may have become claimable; returns the way to stop. */
  onWork(listener: () => void): () => void {
    return this.waiting.onWork(listener);
  }

  /** Says which agents are connected now, so that tasks nobody can take show as `waiting`. */
  agentsChanged(agents: readonly EligibleAgent[]): Promise<void> {
    return this.waiting.agentsChanged(agents);
  }
}
