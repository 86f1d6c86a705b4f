import type { V1ContainerStateTerminated, V1ContainerStatus, V1Pod } from '@kubernetes/client-node';

import { RUN_LEFT } from '../runs/only-run.js';
import { mainStatusOf } from './main-end.js';
import { FETCH_CONTAINER } from './main-job.js';
import { GRACE_SECONDS, RUN_CONTAINER } from './run-job.js';

interface PodWait {
  readonly is: 'waiting';
  readonly reason?: string;
  /** How long to wait while this is the reason; default: as long as the profile has it. */
  readonly limitSeconds?: number;
}

/**
 * How the pod of a run is. `interrupted`: the cluster has taken the pod away, and the run may begin anew; `failed`: the
 * run itself is the reason, or would meet the same end again.
 */
export type PodStanding =
  | PodWait
  | { readonly is: 'running' }
  /** It counts as running, and its node does not answer. */
  | { readonly is: 'unreachable'; readonly reason: string }
  | { readonly is: 'interrupted'; readonly reason: string }
  | { readonly is: 'failed'; readonly error: string };

/** How an agent that could not begin says why: the sentence of its start failure. */
const START_FAILURE = /cyberun-mcp: (.+)\s*$/m;
const LENGTH = 600;
/** How long a node may take to end a pod behind its grace period, and how far the clocks of two machines may be apart. */
const OVERDUE_MS = 60_000;

/**
 * @param isDeleted whether the pod has gone; this is how it was last.
 */
export function podStanding(pod: V1Pod, isDeleted = false): PodStanding {
  const { phase } = pod.status ?? {};
  if (phase === 'Failed' || phase === 'Succeeded' || isDeleted) return endOfPod(pod);
  // The phase is what the node has said last, which a lost one never changes.
  if (isOverdue(pod)) return interrupted(`${disruptionOf(pod) ?? DELETED}, and its node does not end it`);
  if (isWithoutAgent(pod)) return endOfPod(pod);
  if (phase !== 'Running') return isFetching(pod) ? { is: 'running' } : podWait(pod);
  return isLost(pod)
    ? { is: 'unreachable', reason: `its node ${pod.spec?.nodeName ?? ''} does not answer` }
    : { is: 'running' };
}

/** Whether the container of a step goes on without the agent beside it, which has ended. */
function isWithoutAgent(pod: V1Pod): boolean {
  const ended = stateOf(pod)?.terminated;
  if (!ended) return false;
  if (ended.reason === 'OOMKilled' || !wasEnded(ended)) return true;
  if (!hasMainLeft(pod)) return false;
  // The kubelet ends both containers of a pod, and gives the reason once both have ended.
  return !BY_SIGNAL.has(ended.exitCode) || isLongAgo(ended.finishedAt, GRACE_SECONDS * 1000 + OVERDUE_MS);
}

/** Whether the container of a step runs, or waits to. */
function hasMainLeft(pod: V1Pod): boolean {
  const main = mainStatusOf(pod);
  return main !== undefined && !main.state?.terminated;
}

/** Whether the pod should have ended: the time of a deletion is that at the end of the grace period. */
function isOverdue({ metadata }: V1Pod): boolean {
  return isLongAgo(metadata?.deletionTimestamp, OVERDUE_MS);
}

const isLongAgo = (time: Date | undefined, milliseconds: number): boolean =>
  Date.now() > (time ? new Date(time).getTime() : Infinity) + milliseconds;

/**
 * Without a probe a container that runs is ready. Kubernetes says otherwise when its node is silent, and for a moment while
 * the pod starts or ends.
 */
function isLost(pod: V1Pod): boolean {
  const ready = conditionOf(pod, 'Ready')?.status;
  const statuses = pod.status?.containerStatuses ?? [];
  return ready !== undefined && ready !== 'True' && statuses.every(({ state }) => state?.running);
}

function endOfPod(pod: V1Pod): PodStanding {
  const { status } = pod;
  const ended = stateOf(pod)?.terminated ?? failedFetchOf(pod);
  const disruption = disruptionOf(pod);
  if (status?.reason === 'DeadlineExceeded')
    return failed('The run was ended by the deadline of its pod, since it did not end at its own limit.');
  if (status?.reason === 'Evicted')
    return failed(`Kubernetes evicted the pod of the run: ${said(status.message) || 'it gave no reason'}.`);
  if (ended?.reason === 'OOMKilled') return failed(outOfMemory(pod));
  if (disruption !== undefined) return interrupted(disruption);
  if (ended && !wasEnded(ended)) return failed(agentEnded(ended));
  if (pod.metadata?.deletionTimestamp) return interrupted(DELETED);
  if (hasMainLeft(pod) && ended) return interrupted('the agent in its pod has ended before the step');
  return interrupted(said(status?.message) || (status?.reason ?? 'the pod has gone'));
}

const fetchOf = ({ status }: V1Pod): V1ContainerStatus | undefined =>
  status?.initContainerStatuses?.find(({ name }) => name === FETCH_CONTAINER);

const isFetching = (pod: V1Pod): boolean => fetchOf(pod)?.state?.running !== undefined;

/** Whether an agent in the pod may have the order of the run. */
export const hasBegun = (pod: V1Pod): boolean =>
  fetchOf(pod)?.state?.terminated !== undefined || ['running', 'unreachable'].includes(podStanding(pod).is);

/** Without the inputs of a step neither its program nor the agent beside it starts. */
export function failedFetchOf(pod: V1Pod): V1ContainerStateTerminated | undefined {
  const ended = fetchOf(pod)?.state?.terminated;
  return ended?.exitCode === 0 ? undefined : ended;
}

const DELETED = 'the pod was deleted';

/** Why the cluster takes the pod away, if it does. */
export function disruptionOf(pod: V1Pod): string | undefined {
  const disruption = conditionOf(pod, 'DisruptionTarget');
  if (disruption?.status !== 'True') return undefined;
  return said(disruption.message) || (disruption.reason ?? 'a disruption');
}

/** Exit codes of SIGKILL and SIGTERM. */
const BY_SIGNAL: ReadonlySet<number> = new Set([137, 143]);
/**
 * Exit codes that do not blame the run: settled with an earlier process of the agent, ended without its agent
 * ({@link RUN_LEFT}), ended by a signal from outside.
 */
const BLAMELESS: ReadonlySet<number> = new Set([0, RUN_LEFT, ...BY_SIGNAL]);

/** Nothing is known of a container whose node was lost. */
const wasEnded = ({ exitCode, reason }: V1ContainerStateTerminated): boolean =>
  BLAMELESS.has(exitCode) || reason === 'ContainerStatusUnknown';

function agentEnded({ exitCode, reason, message }: V1ContainerStateTerminated): string {
  const [, why] = START_FAILURE.exec(message ?? '') ?? [];
  if (why !== undefined) return `The pod of the run could not begin: ${said(why)}.`;
  if (reason === 'StartError' || reason === 'ContainerCannotRun')
    return `The container of the run could not start: ${said(message)}.`;
  return `The agent in the pod of the run ended with exit code ${exitCode} before it had reported the run; see the log of the pod.`;
}

function outOfMemory(pod: V1Pod): string {
  const limit = pod.spec?.containers.find(({ name }) => name === RUN_CONTAINER)?.resources?.limits?.[
    'memory'
  ];
  const most = limit === undefined ? 'there was' : `its pod may have (${limit})`;
  return `The run used more memory than ${most} and was ended (OOMKilled). Use less, or have the operator raise the memory of its profile.`;
}

/** Waiting reasons of a container that no time changes. */
const HOPELESS: ReadonlySet<string> = new Set(['InvalidImageName', 'ErrImageNeverPull']);
/** Waiting reasons of a container that is on its way. */
const PREPARING: ReadonlySet<string> = new Set(['ContainerCreating', 'PodInitializing']);
/** A registry may be away for a moment, and a node too busy to make a container in time. */
const RETRY_SECONDS = 120;
const OF_IMAGE: ReadonlySet<string> = new Set(['ErrImagePull', 'ImagePullBackOff', 'RegistryUnavailable']);
const OF_CONTAINER: ReadonlySet<string> = new Set(['CreateContainerError', 'CreateContainerConfigError']);

/** What a pod waits for that has not started. */
export function podWait(pod: V1Pod): PodWait {
  const scheduled = conditionOf(pod, 'PodScheduled');
  if (scheduled?.status === 'False')
    return waiting(`no node can take its pod: ${said(scheduled.message) || scheduled.reason}`);
  const state = statusesOf(pod)
    .map((status) => status.state?.waiting)
    .find((waiting) => waiting?.reason && !PREPARING.has(waiting.reason));
  if (!state?.reason) return { is: 'waiting' };
  const words = said(state.message) || state.reason;
  if (OF_IMAGE.has(state.reason)) return waiting(`its image cannot be pulled: ${words}`, RETRY_SECONDS);
  const isHopeless = HOPELESS.has(state.reason);
  if (isHopeless || OF_CONTAINER.has(state.reason))
    return waiting(`its container cannot be made: ${words}`, isHopeless ? 0 : RETRY_SECONDS);
  return waiting(words);
}

const waiting = (reason: string, limitSeconds?: number): PodWait => ({
  is: 'waiting',
  reason,
  ...(limitSeconds !== undefined && { limitSeconds }),
});
const failed = (error: string): PodStanding => ({ is: 'failed', error });
const interrupted = (reason: string): PodStanding => ({ is: 'interrupted', reason });

const conditionOf = (pod: V1Pod, type: string) =>
  pod.status?.conditions?.find((condition) => condition.type === type);

const stateOf = (pod: V1Pod) =>
  pod.status?.containerStatuses?.find(({ name }) => name === RUN_CONTAINER)?.state;

/** Of all containers, in the order in which they start. */
const statusesOf = ({ status }: V1Pod) => [
  ...(status?.initContainerStatuses ?? []),
  ...(status?.containerStatuses ?? []),
];

/** In one line of bounded length, without the full stop. */
export function said(text = ''): string {
  const line = text.trim().replaceAll(/\s+/g, ' ').replace(/\.$/, '');
  return line.length > LENGTH ? `${line.slice(0, LENGTH)}…` : line;
}
