import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type ContainerLog, ContainerProcess, type ContainerSpec } from './container-process.js';
import { Deployments } from './deployments.js';
import { ObjectStore, type StoredObject } from './object-store.js';

/** How a container has ended, in the words of Kubernetes. */
interface Ended {
  readonly reason?: string;
  readonly message?: string;
}

/**
 * Jobs, pods and the processes in them, as controllers, scheduler and kubelets play together: containers are real processes
 * of what they say.
 */
export class Cluster {
  readonly store = new ObjectStore();
  readonly deployments: Deployments;
  /** While this says why, new pods are not scheduled. */
  unschedulable: string | undefined;
  /** While this says why, no pod is made for a Job. */
  podQuota: string | undefined;
  /** While this says why, no container is made. */
  waiting: { readonly reason: string; readonly message: string } | undefined;
  /** While this says why, the image of a step is missing. */
  imageProblem: { readonly reason: string; readonly message: string } | undefined;
  /** By pod, then by container. */
  private readonly processes = new Map<string, Map<string, ContainerProcess>>();
  /** Of the steps in pods. */
  private readonly logs = new Map<string, ContainerLog>();
  private readonly started = new Set<string>();
  /** Pods of lost nodes. */
  private readonly lost = new Set<string>();
  /** What a process that is killed is said to have died of. */
  private readonly verdicts = new Map<
    string,
    Ended & { readonly condition?: object; readonly podReason?: string }
  >();

  constructor(private readonly folder: string) {
    this.deployments = new Deployments(this.store, folder);
    this.store.changes.on('change', (type, { kind, metadata: { name } }) => {
      const object = this.store.get(kind, name);
      if (type === 'ADDED' && kind === 'Job' && object && !object['spec'].suspend) this.makePod(object);
      if (type === 'ADDED' && kind === 'Secret') this.startWaiting();
    });
  }

  get jobs(): StoredObject[] {
    return this.store.list('Job');
  }
  get pods(): StoredObject[] {
    return this.store.list('Pod');
  }
  /** Processes of pods that have not ended. */
  get running(): number {
    return this.processes.size;
  }

  /** What the container of a step has written. */
  logOf(pod: string): ContainerLog | undefined {
    return this.logs.get(pod);
  }

  /** Deletes a Deployment, or a Job or its pod; without `isForeground` the pod of a Job goes on. */
  delete(object: StoredObject, isForeground: boolean): void {
    if (object.kind === 'Deployment') return this.deployments.delete(object);
    const pod = this.podOf(object);
    if (object.kind === 'Job' && !isForeground) return this.store.remove(object);
    this.store.update(object, mark);
    if (pod && object.kind === 'Job') this.store.update(pod, mark);
    if (this.lost.has(object.metadata.name)) return;
    const name = pod?.metadata.name ?? '';
    if (this.processes.has(name)) this.signal(name, 'SIGTERM');
    else {
      if (pod) this.store.remove(pod);
      this.store.remove(object);
    }
  }

  /** The kernel kills what runs in the pod: the step, when that is a container of its own. */
  outOfMemory(job: string): void {
    const containers = this.processes.get(job);
    const victim = containers?.get('main') ?? containers?.get('agent');
    this.verdicts.set(job, { reason: 'OOMKilled' });
    victim?.kill('SIGKILL');
  }

  /** The kubelet evicts the pod, since its node has too little of something. */
  evict(job: string, message: string): void {
    const condition = { type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet', message };
    this.kill(job, { podReason: 'Evicted', message, condition }, 'SIGKILL');
  }

  /** The scheduler takes the node for a pod of a higher priority. */
  preempt(job: string): void {
    const message = 'default-scheduler: preempting to accommodate a higher priority pod';
    const condition = { type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler', message };
    const pod = this.store.get('Pod', job);
    if (pod) this.store.update(pod, mark);
    this.kill(job, { condition }, 'SIGTERM');
  }

  /** The node is lost and its pods were to go long ago: nothing says what has become of them. */
  loseNode(job: string): void {
    this.lost.add(job);
    this.signal(job, 'SIGKILL');
    const pod = this.store.get('Pod', job);
    if (!pod) return;
    const message = 'Taint manager: deleting due to NoExecute taint';
    this.store.update(pod, ({ metadata, status }) => {
      metadata.deletionTimestamp = new Date(Date.now() - 120_000).toISOString();
      status.conditions = [
        { type: 'Ready', status: 'False' },
        { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager', message },
      ];
    });
  }

  /** The deadline of the pod is over. */
  passDeadline(job: string): void {
    const message = 'Pod was active on the node longer than the specified deadline';
    this.kill(job, { podReason: 'DeadlineExceeded', message }, 'SIGTERM');
  }

  async end(): Promise<void> {
    await this.deployments.end();
    const left = [...this.processes.values()].flatMap((containers) => [...containers.values()]);
    for (const container of left) container.kill('SIGKILL');
    await Promise.all(left.map(({ ended }) => ended));
  }

  private kill(
    job: string,
    verdict: Ended & { condition?: object; podReason?: string },
    signal: NodeJS.Signals,
  ): void {
    this.verdicts.set(job, verdict);
    this.signal(job, signal);
  }

  private signal(pod: string, signal: NodeJS.Signals): void {
    for (const container of this.processes.get(pod)?.values() ?? []) container.kill(signal);
  }

  /** The pods of tests have the names of their Jobs; those of Kubernetes have more. */
  private podOf(object: StoredObject): StoredObject | undefined {
    return object.kind === 'Pod' ? object : this.store.get('Pod', object.metadata.name);
  }

  private makePod({ metadata: { name }, spec }: StoredObject): void {
    if (this.podQuota !== undefined) return this.failCreation(name, this.podQuota);
    const { metadata, spec: podSpec } = structuredClone(spec.template) as StoredObject;
    const pod = this.store.add({
      kind: 'Pod',
      metadata: { ...metadata, name },
      spec: podSpec,
      status: { phase: 'Pending' },
    });
    if (this.unschedulable !== undefined) {
      const condition = {
        type: 'PodScheduled',
        status: 'False',
        reason: 'Unschedulable',
        message: this.unschedulable,
      };
      return this.store.update(pod, ({ status }) => void (status.conditions = [condition]));
    }
    this.wait(pod, this.waiting ?? { reason: 'ContainerCreating' });
    this.startWaiting();
  }

  private failCreation(name: string, quota: string): void {
    this.store.add({
      kind: 'Event',
      metadata: { name: `${name}.1` },
      involvedObject: { kind: 'Job', name },
      reason: 'FailedCreate',
      message: `Error creating: ${quota}`,
      lastTimestamp: new Date().toISOString(),
    });
  }

  private wait(pod: StoredObject, waiting: object): void {
    this.store.update(pod, ({ status }) => {
      status.containerStatuses = [{ name: 'agent', state: { waiting } }];
    });
  }

  /** Pods start once the Secrets exist that they mount. */
  private startWaiting(): void {
    for (const pod of this.pods) {
      // Its Secret has its name.
      const isCreating = pod['status'].containerStatuses?.[0]?.state.waiting?.reason === 'ContainerCreating';
      const secret = this.store.get('Secret', pod.metadata.name);
      if (!isCreating || !secret || this.started.has(pod.metadata.name)) continue;
      this.started.add(pod.metadata.name);
      void this.run(pod, secret);
    }
  }

  private async run(pod: StoredObject, { stringData }: StoredObject): Promise<void> {
    const { name } = pod.metadata;
    const place = { folder: join(this.folder, name), secret: stringData as Record<string, string> };
    await mkdir(join(place.folder, 'token'), { recursive: true });
    await writeFile(join(place.folder, 'token', 'token'), place.secret['token'] ?? '');
    this.processes.set(name, new Map());
    const { initContainers = [], containers } = pod['spec'] as Record<string, ContainerSpec[] | undefined>;
    let codes: number[] = [];
    for (const init of initContainers)
      if (codes.every((code) => code === 0))
        codes = [await this.runContainer(pod, init, place, 'initContainerStatuses')];
    if (codes.every((code) => code === 0)) {
      if (this.imageProblem && initContainers.length > 0) return this.waitForImage(pod, this.imageProblem);
      this.store.update(pod, ({ status }) => void (status.phase = 'Running'));
      codes = await Promise.all(
        (containers ?? []).map((one) => this.runContainer(pod, one, place, 'containerStatuses')),
      );
    }
    this.processes.delete(name);
    if (!this.lost.has(name))
      this.ended(
        pod,
        codes.every((code) => code === 0),
      );
  }

  private waitForImage(pod: StoredObject, waiting: object): void {
    this.processes.delete(pod.metadata.name);
    this.store.update(pod, ({ status }) => {
      status.containerStatuses = [
        { name: 'agent', state: { waiting: { reason: 'PodInitializing' } } },
        { name: 'main', state: { waiting } },
      ];
    });
  }

  private async runContainer(
    pod: StoredObject,
    spec: ContainerSpec,
    place: { folder: string; secret: Record<string, string> },
    list: 'containerStatuses' | 'initContainerStatuses',
  ): Promise<number> {
    const { name } = pod.metadata;
    const container = await ContainerProcess.start(spec, place);
    this.processes.get(name)?.set(spec.name, container);
    if (spec.name === 'main') this.logs.set(name, container.log);
    const show = (state: object): void =>
      this.store.update(pod, ({ status }) => {
        const others = (status[list] ?? []).filter((one: { name: string }) => one.name !== spec.name);
        status[list] = [...others, { name: spec.name, state }];
      });
    show({ running: {} });
    const exitCode = await container.ended;
    const { reason = exitCode === 0 ? 'Completed' : 'Error' } = this.verdicts.get(name) ?? {};
    const killed = exitCode === 137 ? reason : exitCode === 0 ? 'Completed' : 'Error';
    const terminated = { exitCode, reason: killed, message: container.errors.slice(-2048) };
    if (!this.lost.has(name)) show({ terminated });
    return exitCode;
  }

  private ended(pod: StoredObject, isSuccess: boolean): void {
    const { podReason, condition, message } = this.verdicts.get(pod.metadata.name) ?? {};
    this.store.update(pod, ({ status }) => {
      status.phase = isSuccess ? 'Succeeded' : 'Failed';
      status.reason = podReason;
      status.message = message;
      status.conditions = condition ? [condition] : [];
    });
    const job = this.store.get('Job', pod.metadata.name);
    if (job) {
      const type = isSuccess ? 'Complete' : 'Failed';
      this.store.update(job, (one) => void (one['status'] = { conditions: [{ type, status: 'True' }] }));
    }
    if (pod.metadata.deletionTimestamp) this.store.remove(pod);
    if (job?.metadata.deletionTimestamp) this.store.remove(job);
  }
}

const mark = (one: StoredObject): void => void (one.metadata.deletionTimestamp ??= new Date().toISOString());
