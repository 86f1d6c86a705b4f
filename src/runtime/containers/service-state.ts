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

const RESTARTED = 'it is restarted automatically';
/** A single failure may have had a cause that has passed. */
const isFailingAgain = ({ failures_in_a_row: times }: Failed): boolean => (times ?? 1) > 1;
type Failed = NonNullable<ReturnType<typeof latestFailure>>;

/** Pause that is proposed to those who wait for a service to start. */
const LOOK_AGAIN_SECONDS = 5;

/**
 * One sentence about why a service is not running; `undefined` when it is.
 *
 * @param obstacle why no connected agent can run it; `undefined` when one can.
 */
export function whyNotRunning(service: RunningService, obstacle: string | undefined): string | undefined {
  const state = stateOf(service);
  if (state === 'running') return undefined;
  if (obstacle !== undefined) return `${obstacle}; it starts when one connects`;
  const failure = latestFailure(service.replicas);
  const waits = service.replicas.find(({ history }) => history.waits_for !== undefined)?.history.waits_for;
  if (failure) {
    const { failed_at, reason } = failure;
    const now = waits === undefined || reason.includes(waits) ? '' : `, and waits now: ${waits}`;
    if (!isFailingAgain(failure)) return `it has failed once, at ${failed_at}: ${reason}; ${RESTARTED}${now}`;
    const times = `${failure.failures_in_a_row} times in a row`;
    return `it has failed ${times}, last at ${failed_at}: ${reason}; ${RESTARTED}, but fails again until the cause is corrected${now}`;
  }
  if (waits !== undefined) return `it is being started: ${waits}`;
  if (state === 'deploying') return 'it is being started, and does not answer yet';
  return 'it is started again automatically';
}

/** The error for a call of a service that is not running: why, and what to do. */
export function notRunning(service: RunningService, obstacle: string | undefined): HttpException {
  const reason = whyNotRunning(service, obstacle) ?? 'the agent that runs it is not connected to this server';
  const what = `Service "${service.definition.slug}" takes no calls now, since it is ${stateOf(service)}: ${reason}.`;
  const last_failure = latestFailure(service.replicas);
  const described = last_failure ? `${what} ${logNote(last_failure)}` : what;
  if (last_failure && isFailingAgain(last_failure)) {
    const message = `${described} Do not repeat the call before it was corrected.`;
    return new ConflictException({ message, last_failure });
  }
  const message =
    obstacle === undefined
      ? `${described} Call again once service_status is running.`
      : `${described} Do not repeat the call before service_status is running.`;
  return new ConflictException({
    message,
    ...(last_failure && { last_failure }),
    ...(obstacle === undefined && { retry_after_seconds: LOOK_AGAIN_SECONDS }),
  });
}

const logNote = ({ log_lines }: Failed): string =>
  log_lines?.length ? 'last_failure.log_lines has the end of its log.' : 'It wrote no log.';
