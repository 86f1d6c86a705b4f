import type { ContainerService, ServiceReport } from '../../contract/index.js';

/** After running this long a replica counts as recovered. */
const STEADY_MS = 60_000;

type Failure = NonNullable<ServiceReport['failure']>;

/** What has become of a replica since its definition was changed last; stored as JSON. */
export interface ReplicaHistory {
  readonly failure?: Failure & { readonly failed_at: string };
  readonly failures_in_a_row: number;
  /** Since when it runs. */
  readonly running_since?: string;
  /** What its start waits for, as its agent says. */
  readonly waits_for?: string;
}

export const NO_HISTORY: ReplicaHistory = { failures_in_a_row: 0 };

export function withFailure(history: ReplicaHistory, failure: Failure, now: Date): ReplicaHistory {
  return {
    failure: { ...failure, failed_at: now.toISOString() },
    failures_in_a_row: hasRecovered(history, now) ? 1 : history.failures_in_a_row + 1,
  };
}

export const withStart = (history: ReplicaHistory, now: Date): ReplicaHistory => ({
  ...withWait(history, undefined),
  running_since: now.toISOString(),
});

export function withWait(history: ReplicaHistory, reason: string | undefined): ReplicaHistory {
  const { waits_for: _former, ...rest } = history;
  return reason === undefined ? rest : { ...rest, waits_for: reason };
}

type LastFailure = NonNullable<ContainerService['last_failure']>;

/** For the API: the latest failure of replicas that have not recovered since. */
export function latestFailure(
  replicas: readonly { readonly history: ReplicaHistory }[],
): LastFailure | undefined {
  const now = new Date();
  return replicas
    .flatMap(({ history }) => lastFailure(history, now) ?? [])
    .toSorted((one, other) => String(other.failed_at).localeCompare(String(one.failed_at)))[0];
}

function lastFailure(history: ReplicaHistory, now: Date): LastFailure | undefined {
  const { failure, failures_in_a_row } = history;
  if (!failure || hasRecovered(history, now)) return undefined;
  const { signal: _signal, ...shown } = failure;
  return { ...shown, failures_in_a_row };
}

type LastExit = NonNullable<NonNullable<ContainerService['replicas']>[number]['last_exit']>;

/** For the API: how it last ended, also when it has recovered since. */
export function lastExit({ failure }: ReplicaHistory): LastExit | undefined {
  if (!failure) return undefined;
  const { reason, exit_code, signal, failed_at } = failure;
  return {
    reason,
    ...(exit_code !== undefined && { exit_code }),
    ...(signal !== undefined && { signal }),
    exited_at: failed_at,
  };
}

function hasRecovered({ running_since }: ReplicaHistory, now: Date): boolean {
  return running_since !== undefined && now.getTime() - Date.parse(running_since) > STEADY_MS;
}
