import { Injectable } from '@nestjs/common';

import type { RunProgress } from '../../contract/index.js';
import type { ClaimedRun, ClaimingAgent, EligibleAgent, StoredOutput } from './claimed-run.js';

const soon = (): Promise<never> => Promise.reject(new Error('being built'));

/** What the dispatcher does with tasks. A call about a run that was given up or cancelled changes nothing. */
@Injectable()
export class TaskRuns {
  /** Takes up to `free` runs whose labels the agent has all of; they become `queued`. */
  claim(_agent: ClaimingAgent, _free: number): Promise<ClaimedRun[]> {
    return soon();
  }
  /** The agent acknowledged: `running`. */
  started(_run: ClaimedRun): Promise<void> {
    return soon();
  }
  progress(_run: ClaimedRun, _progress: RunProgress): Promise<void> {
    return soon();
  }
  completed(_run: ClaimedRun, _output: unknown, _files: readonly StoredOutput[]): Promise<void> {
    return soon();
  }
  /** Runs again while `max_retries` allows it, else `failed`. */
  failed(_run: ClaimedRun, _error: string): Promise<void> {
    return soon();
  }
  /** Agent or server lost: runs again, not counted as a retry. */
  interrupted(_run: ClaimedRun): Promise<void> {
    return soon();
  }
  /** Says these runs are alive; due every 10 s, a run silent for 60 s is given to another agent. */
  heartbeat(_runs: readonly ClaimedRun[]): Promise<void> {
    return soon();
  }
  /** Calls back when something may have become claimable; returns the way to stop. */
  onWork(_listener: () => void): () => void {
    return () => undefined;
  }
  /** Says which agents are connected now, so that tasks nobody can take show as `waiting`. */
  agentsChanged(_agents: readonly EligibleAgent[]): Promise<void> {
    return soon();
  }
}
