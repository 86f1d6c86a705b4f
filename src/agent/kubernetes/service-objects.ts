import { createHmac, hkdfSync, randomBytes } from 'node:crypto';

import type {
  V1Container,
  V1Deployment,
  V1DeploymentSpec,
  V1ObjectMeta,
  V1PodSpec,
  V1PodTemplateSpec,
  V1Probe,
  V1Secret,
  V1Service,
} from '@kubernetes/client-node';

import { PORT_REFERENCE, serviceInstance, type ServiceOrder } from '../../contract/index.js';
import { type JobProfile, podUserOf } from './job-profiles.js';
import { podResources } from './main-container.js';
import { POD_PULL_POLICIES } from './main-job.js';
import { fitsSecret, type MainProgram, mainProgramOf } from './main-program.js';
import { agentLabels, CONTAINER_RULES, LABEL_APP, podRules, QUEUE_NAME } from './run-job.js';

/** The container of a service. */
export const SERVICE_CONTAINER = 'service';
const LABEL_SERVICE = 'cyberun.service';
const LABEL_REPLICA = 'cyberun.replica';
const LABEL_VERSION = 'cyberun.version';
/** Of the pods of one Deployment. */
const LABEL_DEPLOYMENT = 'cyberun.deployment';
const SLUG = 'cyberun.service-slug';
const LABEL_LENGTH = 63;

/** What Kubernetes is to run for a replica. */
export interface ServiceObjects {
  readonly deployment: V1Deployment;
  /** The values of the container, which the Deployment owns; users who may read pods and Deployments do not see them. */
  readonly secretOf: (deployment: V1Deployment) => V1Secret;
  /** Its address, which the Deployment owns, too. */
  readonly serviceOf: (deployment: V1Deployment) => V1Service;
}

/** What the services of an agent have in common. */
interface ServiceSettings {
  readonly agentId: string;
  /** That of {@link newServiceName}. */
  readonly name: string;
  /** Tells two definitions of a service apart. */
  readonly version: string;
}

/** A name that no Deployment had before, since the pod of a lost node keeps the former one for long. */
export const newServiceName = (slug: string): string =>
  `cy-${labelOf(slug, 40)}-${randomBytes(5).toString('hex')}`;

/** Tells definitions apart, also to the next process of the agent; their values cannot be guessed from it. */
export class ServiceVersions {
  private readonly secret: Buffer;

  constructor(agentKey: string) {
    this.secret = Buffer.from(hkdfSync('sha256', agentKey, '', 'cyberun service version', 32));
  }

  /** Of all that decides how the pod of a service is. */
  of(order: ServiceOrder, profile: JobProfile): string {
    const content = JSON.stringify([order, profile]);
    return createHmac('sha256', this.secret).update(content).digest('hex').slice(0, 32);
  }
}

/** Which replica a Deployment runs, and of which definition. */
export function replicaOf({ metadata }: V1Deployment): { instance: string; version: string } {
  const slug = metadata?.annotations?.[SLUG] ?? '';
  const replica = Number(metadata?.labels?.[LABEL_REPLICA] ?? 1);
  return { instance: serviceInstance(slug, replica), version: metadata?.labels?.[LABEL_VERSION] ?? '' };
}

/** The Deployment of a pod. */
export const deploymentOf = ({ metadata }: { readonly metadata?: V1ObjectMeta }): string | undefined =>
  metadata?.labels?.[LABEL_DEPLOYMENT];

/**
 * The objects of a replica. The runtime alone decides how many there are: a Deployment has one pod, and its next pod starts when
 * the former one has ended.
 *
 * @throws a sentence about what these pods cannot offer.
 */
export function serviceObjects(
  order: ServiceOrder,
  profile: JobProfile,
  { agentId, name, version }: ServiceSettings,
): ServiceObjects {
  const labels = {
    [LABEL_APP]: 'cyberun-service',
    ...agentLabels(agentId),
    [LABEL_SERVICE]: labelOf(order.service_slug, LABEL_LENGTH),
    [LABEL_REPLICA]: String(order.replica),
    [LABEL_VERSION]: version,
    [LABEL_DEPLOYMENT]: name,
  };
  const { localQueue } = profile;
  const metadata: V1ObjectMeta = {
    name,
    labels: { ...labels, ...(localQueue !== undefined && { [QUEUE_NAME]: localQueue }) },
    annotations: { 'cyberun.agent-id': agentId, 'cyberun.profile': profile.name, [SLUG]: order.service_slug },
  };
  const program = programOf(order, name);
  const template = { metadata: { labels }, spec: podSpec(order, profile, program) };
  return {
    deployment: { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: deploymentSpec(name, template) },
    secretOf: (owner) => secretOf(ownedBy(owner, labels), program),
    serviceOf: (owner) => serviceOf(ownedBy(owner, labels), name, portOf(order)),
  };
}

const deploymentSpec = (name: string, template: V1PodTemplateSpec): V1DeploymentSpec => ({
  replicas: 1,
  strategy: { type: 'Recreate' },
  revisionHistoryLimit: 0,
  selector: { matchLabels: { [LABEL_DEPLOYMENT]: name } },
  template,
});

const secretOf = (metadata: V1ObjectMeta, { secret }: MainProgram): V1Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata,
  type: 'Opaque',
  immutable: true,
  stringData: secret,
});

const serviceOf = (metadata: V1ObjectMeta, deployment: string, port: number): V1Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata,
  spec: {
    type: 'ClusterIP',
    selector: { [LABEL_DEPLOYMENT]: deployment },
    ports: [{ name: 'http', port, targetPort: port }],
    // The agent decides whether it takes calls: one with a single thread misses probes while it works.
    publishNotReadyAddresses: true,
  },
});

export const portOf = ({ container }: ServiceOrder): number => container?.port ?? 0;

/** With the Deployment goes what it owns. */
function ownedBy({ metadata }: V1Deployment, labels: Record<string, string>): V1ObjectMeta {
  const { name = '', uid = '' } = metadata ?? {};
  const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name, uid, controller: true };
  return { name, labels, ownerReferences: [owner] };
}

/** A slug may be longer than a label, and ends with a letter or a digit. */
const labelOf = (slug: string, length: number): string => slug.slice(0, length).replace(/-+$/, '');

function programOf(order: ServiceOrder, secretName: string): MainProgram {
  const port = String(portOf(order));
  const program = mainProgramOf(
    {
      words: order.command.map((word) => (PORT_REFERENCE.test(word) ? port : word)),
      environment: {
        CYBERUN_SERVICE_SLUG: order.service_slug,
        CYBERUN_SERVICE_REPLICA: String(order.replica),
        ...order.environment,
        PORT: port,
      },
    },
    secretName,
  );
  if (fitsSecret(program)) return program;
  throw new Error('its command and its env_config are larger than a Secret of Kubernetes, which holds 1 MiB');
}

function podSpec(order: ServiceOrder, profile: JobProfile, program: MainProgram): V1PodSpec {
  return {
    ...podRules(profile, podUserOf(profile)),
    containers: [containerOf(order, profile, program)],
    volumes: [{ name: 'tmp', emptyDir: { sizeLimit: profile.diskSize } }],
  };
}

function containerOf(order: ServiceOrder, profile: JobProfile, { args, env }: MainProgram): V1Container {
  const { container } = order;
  if (!container) throw new Error('it is no container, and its pod would have no image');
  const resources = podResources(container.resources, profile);
  if ('excess' in resources) throw new Error(`it asks for ${resources.excess}`);
  return {
    name: SERVICE_CONTAINER,
    image: container.image,
    imagePullPolicy: POD_PULL_POLICIES[container.pull_policy],
    ...(args && { args }),
    env,
    ports: [{ name: 'http', containerPort: container.port }],
    resources: resources.resources,
    readinessProbe: probeOf(order, container.port),
    securityContext: CONTAINER_RULES,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
  };
}

/** For people who look at the pod; the agent restarts a service that answers no more, unless it is busy with a call. */
function probeOf({ health_path: path, limits }: ServiceOrder, port: number): V1Probe {
  const seconds = (milliseconds: number): number => Math.max(1, Math.round(milliseconds / 1000));
  return {
    httpGet: { path, port },
    periodSeconds: seconds(limits.health_interval_ms),
    timeoutSeconds: seconds(limits.health_timeout_ms),
    failureThreshold: limits.health_failures,
  };
}
