import type { V1Container, V1Job, V1PodSpec, V1SecurityContext } from '@kubernetes/client-node';

import type { ContainerSpec } from '../../contract/index.js';
import type { MainContainer } from './main-container.js';
import type { MainProgram } from './main-program.js';
import { RUN_CONTAINER, WORK_DIR } from './run-job.js';
import type { RUN_PARTS } from './run-parts.js';

/** The container with the image of the step. */
export const MAIN_CONTAINER = 'main';
/** Stores the inputs before the program of the step starts. */
export const FETCH_CONTAINER = 'fetch';

/** What the three containers share: inputs, outputs, and the files beside the definition. */
export const SHARED_FOLDER = '/cyberun';
/** Working directory of the step. */
export const MAIN_FOLDER = `${SHARED_FOLDER}/run`;
/** Files beside the definition, which the step may not change. */
export const DEFINITION_FOLDER = `${SHARED_FOLDER}/files`;
const SHARED_VOLUME = 'shared';
const MAIN_TMP_VOLUME = 'main-tmp';

const AGENT_RESOURCES = { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } };
export const POD_PULL_POLICIES: Record<ContainerSpec['pull_policy'], string> = {
  ifNotPresent: 'IfNotPresent',
  always: 'Always',
  never: 'Never',
};

/**
 * The Job of a run whose step is a container, from that of a run without one. `fetch` stores the inputs and ends; then
 * the image of the step runs as it is, and beside it the agent, which stores the outputs once that has ended. The agent is a
 * container like any other: Kubernetes would end a sidecar when its grace period is over, in the middle of a large upload.
 */
export function withMain(job: V1Job, main: MainContainer, program: MainProgram): V1Job {
  const changed = structuredClone(job);
  const pod = changed.spec?.template.spec;
  if (!pod) throw new Error('the Job has no pod');
  addMain(pod, main, program);
  return changed;
}

function addMain(pod: V1PodSpec, main: MainContainer, program: MainProgram): void {
  const { user } = main;
  const [agent] = pod.containers;
  if (agent?.name !== RUN_CONTAINER) throw new Error('the pod has no agent');
  const fetch = agentFor(agent, 'inputs');
  fetch.name = FETCH_CONTAINER;
  // The next agent does not take over what this one had.
  for (const one of fetch.env ?? []) if (one.name === WORK_DIR) one.value += `-${FETCH_CONTAINER}`;
  pod.initContainers = [fetch];
  pod.containers = [agentFor(agent, 'step'), containerOf(main, program, agent.securityContext)];
  // The agent has to read what the step has written, and the step what the agent has.
  pod.securityContext = Object.assign({}, pod.securityContext, user);
  pod.volumes ??= [];
  const size = pod.volumes.find(({ name }) => name === 'work')?.emptyDir?.sizeLimit;
  const emptyDir = size === undefined ? {} : { sizeLimit: size };
  // The Secret of the run has the values of its step, too, which the agent need not see.
  for (const { secret } of pod.volumes) if (secret) secret.items = [{ key: 'token', path: 'token' }];
  pod.volumes.push({ name: SHARED_VOLUME, emptyDir }, { name: MAIN_TMP_VOLUME, emptyDir });
}

/** An agent that transfers files and runs nothing. */
function agentFor(agent: V1Container, part: (typeof RUN_PARTS)[number]): V1Container {
  const own = structuredClone(agent);
  own.args = [...(own.args ?? []), '--part', part, '--shared-dir', SHARED_FOLDER];
  own.resources = AGENT_RESOURCES;
  own.volumeMounts = [...(own.volumeMounts ?? []), { name: SHARED_VOLUME, mountPath: SHARED_FOLDER }];
  return own;
}

/** The step sees its folder and the files of its definition, and neither token nor records of the agent. */
function containerOf(
  { step, resources }: MainContainer,
  { command, args, env }: MainProgram,
  agent: V1SecurityContext | undefined,
): V1Container {
  return {
    name: MAIN_CONTAINER,
    image: step.container.image,
    imagePullPolicy: POD_PULL_POLICIES[step.container.pull_policy],
    ...(command && { command }),
    ...(args && { args }),
    env,
    workingDir: MAIN_FOLDER,
    resources,
    // An image may write where it likes, as with other engines; it runs without privileges.
    securityContext: Object.assign({}, agent, { readOnlyRootFilesystem: false }),
    // Made by `fetch`: what the kubelet makes for a path in a volume belongs to root.
    volumeMounts: [
      { name: SHARED_VOLUME, mountPath: MAIN_FOLDER, subPath: 'run' },
      { name: SHARED_VOLUME, mountPath: DEFINITION_FOLDER, subPath: 'files', readOnly: true },
      { name: MAIN_TMP_VOLUME, mountPath: '/tmp' },
    ],
  };
}
