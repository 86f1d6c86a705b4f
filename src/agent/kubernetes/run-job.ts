import type { V1Container, V1Job, V1PodFailurePolicy, V1PodSpec, V1Secret } from '@kubernetes/client-node';
import { createHash } from 'node:crypto';

import type { RunName } from '../runs/run-stream.js';
import { type JobProfile, type PodUser, podUserOf } from './job-profiles.js';

/** What the Jobs of an agent have in common. */
export interface JobSettings {
  readonly agentId: string;
  /** An image of cyberun-mcp. */
  readonly image: string;
  /** Where pods reach this agent. */
  readonly url: string;
  /** Variables of the agent in the pod; they may hold a secret. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** The container that executes the run. */
export const RUN_CONTAINER = 'agent';
const LABEL_AGENT = 'cyberun.agent';
const LABEL_TASK = 'cyberun.task';
const LABEL_ATTEMPT = 'cyberun.attempt';
export const QUEUE_NAME = 'kueue.x-k8s.io/queue-name';
const HOLD_SECONDS = 'cyberun.hold-seconds';
/** For pulling the image and storing the outputs: the pod's deadline is for an agent that does not keep that of the run. */
const DEADLINE_MARGIN_SECONDS = 1800;
/** For people who look at one that has failed with kubectl; the agent removes those that have completed. */
const KEPT_SECONDS = 3600;
/** Variable of an agent's folder. */
export const WORK_DIR = 'CYBERUN_AGENT_WORK_DIR';
export const GRACE_SECONDS = 30;
const TOKEN_FOLDER = '/run/cyberun';
const WORK_FOLDER = '/work';

/** Names that may be those of a Job; a UUID and its attempt always are. */
const TASK_ID = /^[a-z0-9][a-z0-9-]{0,47}$/;

export const canBeJob = ({ task_id }: RunName): boolean => TASK_ID.test(task_id);

export const jobName = ({ task_id, attempt }: RunName): string => `cy-${task_id}-${attempt}`;

/** What an agent makes, as its label says. */
export const LABEL_APP = 'app.kubernetes.io/name';
type App = 'cyberun-run' | 'cyberun-service';

/** Selects the Jobs of an agent, or the Deployments of its services, and the pods of either. */
export const agentSelector = (agentId: string, app: App = 'cyberun-run'): string =>
  `${LABEL_APP}=${app},${LABEL_AGENT}=${agentLabel(agentId)}`;

/** Of what is of an agent and of no run. */
export const agentLabels = (agentId: string): Record<string, string> => ({
  'app.kubernetes.io/managed-by': 'cyberun-agent',
  [LABEL_AGENT]: agentLabel(agentId),
});

export const leaseName = (agentId: string): string => `cyberun-agent-${agentLabel(agentId)}`;

/** An id may have characters that a label and a name may not. */
const agentLabel = (agentId: string): string =>
  createHash('sha256').update(agentId).digest('hex').slice(0, 32);

/** The run of a Job or a pod, from its labels; `undefined` when it is no object of an agent. */
export function runOf({
  metadata,
}: {
  readonly metadata?: { readonly labels?: Record<string, string> };
}): RunName | undefined {
  const task_id = metadata?.labels?.[LABEL_TASK];
  const attempt = Number(metadata?.labels?.[LABEL_ATTEMPT]);
  return task_id === undefined || !Number.isSafeInteger(attempt) || attempt < 1
    ? undefined
    : { task_id, attempt };
}

/** Whether a Job has ended in this way. */
export const jobIs = ({ status }: V1Job, type: 'Complete' | 'Failed'): boolean =>
  (status?.conditions ?? []).some((condition) => condition.type === type && condition.status === 'True');

export const jobHasEnded = (job: V1Job): boolean => jobIs(job, 'Complete') || jobIs(job, 'Failed');

/** How long the pod of a Job goes on without its agent; 0 when the Job does not say. */
export function holdSecondsOf({ metadata }: V1Job): number {
  const seconds = Number(metadata?.annotations?.[HOLD_SECONDS]);
  return Number.isFinite(seconds) ? seconds : 0;
}

/** Time limits of a run. */
interface RunLimits {
  /** 0: it has none. */
  readonly timeoutSeconds: number;
  /** How long it goes on without its runtime. */
  readonly holdSeconds: number;
}

const FAILURE_POLICY: V1PodFailurePolicy = {
  rules: [
    { action: 'FailJob', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
    { action: 'FailJob', onExitCodes: { containerName: RUN_CONTAINER, operator: 'NotIn', values: [0] } },
  ],
};

/**
 * The Job of one run. Kubernetes never makes a second pod for it: no failure is repeated (`backoffLimit`), a disruption
 * counts as a failure (`podFailurePolicy`), and a pod is replaced only once it has failed (`podReplacementPolicy`), which
 * ends the Job. Only the runtime decides what runs again.
 */
export function runJob(
  run: RunName,
  settings: JobSettings,
  profile: JobProfile,
  { timeoutSeconds, holdSeconds }: RunLimits,
): V1Job {
  const labels = {
    [LABEL_APP]: 'cyberun-run' satisfies App,
    ...agentLabels(settings.agentId),
    [LABEL_TASK]: run.task_id,
    [LABEL_ATTEMPT]: String(run.attempt),
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobName(run),
      labels: { ...labels, ...(profile.localQueue !== undefined && { [QUEUE_NAME]: profile.localQueue }) },
      annotations: {
        'cyberun.agent-id': settings.agentId,
        'cyberun.profile': profile.name,
        [HOLD_SECONDS]: String(holdSeconds),
      },
    },
    spec: {
      completions: 1,
      parallelism: 1,
      backoffLimit: 0,
      podReplacementPolicy: 'Failed',
      podFailurePolicy: FAILURE_POLICY,
      ttlSecondsAfterFinished: KEPT_SECONDS,
      template: { metadata: { labels }, spec: podSpec(run, settings, profile, timeoutSeconds) },
    },
  };
}

function podSpec(
  run: RunName,
  settings: JobSettings,
  profile: JobProfile,
  timeoutSeconds: number,
): V1PodSpec {
  return {
    // Left out, the user is that of the image.
    ...podRules(profile, profile.runAsUser === undefined ? {} : podUserOf(profile)),
    restartPolicy: 'Never',
    // That of the Job would delete the pod, with its reason and its log.
    ...(timeoutSeconds > 0 && { activeDeadlineSeconds: timeoutSeconds + DEADLINE_MARGIN_SECONDS }),
    containers: [containerOf(run, settings, profile)],
    volumes: [
      { name: 'token', secret: { secretName: jobName(run), items: [{ key: 'token', path: 'token' }] } },
      { name: 'work', emptyDir: { sizeLimit: profile.diskSize } },
      { name: 'tmp', emptyDir: { sizeLimit: profile.diskSize } },
    ],
  };
}

/** What holds for every pod that an agent makes: no privileges, no token of a service account, and the places of its profile. */
export function podRules(profile: JobProfile, user: PodUser): Omit<V1PodSpec, 'containers'> {
  const { nodeSelector, tolerations, runtimeClassName, priorityClassName, serviceAccountName } = profile;
  return {
    terminationGracePeriodSeconds: GRACE_SECONDS,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' }, ...user },
    nodeSelector,
    tolerations,
    ...(runtimeClassName !== undefined && { runtimeClassName }),
    ...(priorityClassName !== undefined && { priorityClassName }),
    ...(serviceAccountName !== undefined && { serviceAccountName }),
  };
}

/** The same for each of its containers. */
export const CONTAINER_RULES = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
};

function containerOf(run: RunName, settings: JobSettings, { resources }: JobProfile): V1Container {
  return {
    name: RUN_CONTAINER,
    image: settings.image,
    args: ['agent', '--once', `${run.task_id}/${run.attempt}`],
    env: [
      ...Object.entries(environmentOf(run, settings)).map(([name, value]) => ({ name, value })),
      ...Object.keys(settings.variables ?? {}).map((name) => ({
        name,
        valueFrom: { secretKeyRef: { name: jobName(run), key: name } },
      })),
    ],
    resources,
    securityContext: { ...CONTAINER_RULES, readOnlyRootFilesystem: true },
    // The last line of an agent that could not begin says why.
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: 'token', mountPath: TOKEN_FOLDER, readOnly: true },
      { name: 'work', mountPath: WORK_FOLDER },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
}

const environmentOf = (run: RunName, { url }: JobSettings): Record<string, string> => ({
  CYBERUN_AGENT_GATEWAY: url,
  CYBERUN_AGENT_KEY_FILE: `${TOKEN_FOLDER}/token`,
  CYBERUN_AGENT_ID: jobName(run),
  CYBERUN_AGENT_SLOTS: '1',
  [WORK_DIR]: `${WORK_FOLDER}/agent`,
  CYBERUN_AGENT_CONTAINER_SOCKET: 'off',
  CYBERUN_LOGGER_FORMAT: 'json',
});

/**
 * The token of a run, the variables of its agent, and the values of its step if that is a container, which Kubernetes removes
 * together with the Job that owns it.
 */
export function runSecret(
  run: RunName,
  job: V1Job,
  token: string,
  values: Readonly<Record<string, string>> = {},
): V1Secret {
  const { name = jobName(run), uid = '', labels = {} } = job.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name,
      labels,
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name, uid, controller: true }],
    },
    type: 'Opaque',
    immutable: true,
    stringData: { ...values, token },
  };
}
