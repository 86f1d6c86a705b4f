import { ConflictException, type HttpException } from '@nestjs/common';

import type { ServiceState } from '../../contract/index.js';
import { latestFailure, type ReplicaHistory } from './replica-history.js';
import type { DefinedService } from './service-store.js';

/** One replica of a service, as the database has it. */
export interface Replica {
  readonly teamId: string;
  readonly slug: string;
  /** From 1. */
  readonly replica: number;
  /** New whenever the replica is given to an agent. */
  readonly deploymentId: string;
  /** The node that runs it; `undefined` while none does. */
  readonly nodeId: string | undefined;
  readonly nodeUrl: string;
  /** The agent that runs it, or did last. */
  readonly agentId: string;
  readonly contentHash: string;
  readonly isStopping: boolean;
  readonly status: ServiceState;
  /** Its port on the agent while it is running. */
  readonly port: number | undefined;
  readonly history: ReplicaHistory;
  readonly updatedAt: Date;
}

/** A defined service and its replicas, in order. */
export interface RunningService extends DefinedService {
  readonly replicas: readonly Replica[];
}

/** The best state of a replica: a service can be called while one of them is running. */
export function stateOf({ replicas }: RunningService): ServiceState {
  const states = new Set(replicas.map(replicaState));
  const best = (['running', 'deploying', 'failed', 'stopping', 'stopped'] as const).find((state) =>
    states.has(state),
  );
  return best ?? 'created';
}

/** Whether it takes calls, as far as the database knows. */
export const isServing = ({ nodeId, isStopping, status }: Replica): boolean =>
  nodeId !== undefined && status === 'running' && !isStopping;

export const replicaState = ({ isStopping, status }: Replica): ServiceState =>
  isStopping && status !== 'stopped' ? 'stopping' : status;

/** The error for a call of a service that is not running: why, and what to do. */
export function notRunning(service: RunningService): HttpException {
  const what = `Service "${service.definition.slug}" is ${stateOf(service)}, not running.`;
  const failure = latestFailure(service.replicas);
  if (!failure) return new ConflictException(`${what} Check again until its service_status is running.`);
  const { reason, failed_at, failures_in_a_row, log_lines } = failure;
  const times = failures_in_a_row === 1 ? 'once' : `${failures_in_a_row} times in a row`;
  const log = log_lines?.length ? `\nThe end of its log:\n${log_lines.join('\n')}` : ' It wrote no log.';
  return new ConflictException(
    `${what} It has failed ${times}, last at ${failed_at}: ${reason}. It is restarted automatically, but the cause must be corrected first.${log}`,
  );
}
