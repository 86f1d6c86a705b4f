import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { packagePaths } from '../../../src/config/index.js';
import { inherited } from '../command-line.js';
import { FLAGS } from '../setup.js';
import { ObjectStore, type StoredObject } from './object-store.js';

/** How a container has ended, in the words of Kubernetes. */
interface Ended {
  readonly reason?: string;
  readonly message?: string;
}

/**
 * Jobs, pods and the processes in them, as controllers, scheduler and kubelets play together: a pod is a real process of what its
 * container says.
 */
export class Cluster {
  readonly store = new ObjectStore();
  /** While this says why, new pods are not scheduled. */
  unschedulable: string | undefined;
  /** While this says why, no container is made. */
  waiting: { readonly reason: string; readonly message: string } | undefined;
  private readonly processes = new Map<string, ChildProcess>();
  private readonly started = new Set<string>();
  /** Pods of lost nodes. */
  private readonly lost = new Set<string>();
  /** What a process that is killed is said to have died of. */
  private readonly verdicts = new Map<
    string,
    Ended & { readonly condition?: object; readonly podReason?: string }
  >();

  constructor(private readonly folder: string) {
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

  /** Deletes a Job or its pod; without `isForeground` the pod of a Job goes on. */
  delete(object: StoredObject, isForeground: boolean): void {
    const pod = this.podOf(object);
    if (object.kind === 'Job' && !isForeground) return this.store.remove(object);
    this.store.update(object, mark);
    if (pod && object.kind === 'Job') this.store.update(pod, mark);
    const child = pod && this.processes.get(pod.metadata.name);
    if (this.lost.has(object.metadata.name)) return;
    if (child) child.kill('SIGTERM');
    else {
      if (pod) this.store.remove(pod);
      this.store.remove(object);
    }
  }

  /** The kernel kills what runs in the pod. */
  outOfMemory(job: string): void {
    this.kill(job, { reason: 'OOMKilled' }, 'SIGKILL');
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
    this.processes.get(job)?.kill('SIGKILL');
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
    const left = [...this.processes.values()];
    const ends = left.map((child) => once(child, 'close'));
    for (const child of left) child.kill('SIGKILL');
    await Promise.all(ends);
  }

  private kill(
    job: string,
    verdict: Ended & { condition?: object; podReason?: string },
    signal: NodeJS.Signals,
  ): void {
    this.verdicts.set(job, verdict);
    this.processes.get(job)?.kill(signal);
  }

  /** The pods of tests have the names of their Jobs; those of Kubernetes have more. */
  private podOf(object: StoredObject): StoredObject | undefined {
    return object.kind === 'Pod' ? object : this.store.get('Pod', object.metadata.name);
  }

  private makePod({ metadata: { name }, spec }: StoredObject): void {
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

  private wait(pod: StoredObject, waiting: object): void {
    this.store.update(pod, ({ status }) => {
      status.containerStatuses = [{ name: 'agent', state: { waiting } }];
    });
  }

  /** Pods start once the Secrets exist that they mount. */
  private startWaiting(): void {
    for (const pod of this.pods) {
      const isCreating = pod['status'].containerStatuses?.[0]?.state.waiting?.reason === 'ContainerCreating';
      const secret = this.store.get('Secret', pod.metadata.name);
      if (!isCreating || !secret || this.started.has(pod.metadata.name)) continue;
      this.started.add(pod.metadata.name);
      void this.run(pod, secret);
    }
  }

  private async run(pod: StoredObject, secret: StoredObject): Promise<void> {
    const { name } = pod.metadata;
    const [container] = pod['spec'].containers;
    const mounts = container.volumeMounts as { name: string; mountPath: string }[];
    const child = spawn(process.execPath, [...FLAGS, packagePaths.entry, ...container.args], {
      env: {
        ...inherited(),
        ...this.environmentOf(container.env, name, mounts),
        CYBERUN_LOGGER_LEVEL: 'error',
      },
      stdio: ['ignore', 'ignore', 'pipe'],
      cwd: await this.mount(name, mounts, secret),
    });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    this.processes.set(name, child);
    this.store.update(pod, ({ status }) => {
      status.phase = 'Running';
      status.containerStatuses = [{ name: 'agent', state: { running: {} } }];
    });
    const [code] = (await once(child, 'close')) as [number | null];
    this.processes.delete(name);
    if (!this.lost.has(name)) this.ended(pod, code ?? 137, errors.slice(-2048));
  }

  private ended(pod: StoredObject, exitCode: number, errors: string): void {
    const { podReason, condition, message, reason } = this.verdicts.get(pod.metadata.name) ?? {};
    const terminated = {
      exitCode,
      reason: reason ?? (exitCode === 0 ? 'Completed' : 'Error'),
      message: errors,
    };
    this.store.update(pod, ({ status }) => {
      status.phase = exitCode === 0 ? 'Succeeded' : 'Failed';
      status.reason = podReason;
      status.message = message;
      status.conditions = condition ? [condition] : [];
      status.containerStatuses = [{ name: 'agent', state: { terminated } }];
    });
    const job = this.store.get('Job', pod.metadata.name);
    if (job) {
      const type = exitCode === 0 ? 'Complete' : 'Failed';
      this.store.update(job, (one) => void (one['status'] = { conditions: [{ type, status: 'True' }] }));
    }
    if (pod.metadata.deletionTimestamp) this.store.remove(pod);
    if (job?.metadata.deletionTimestamp) this.store.remove(job);
  }

  private environmentOf(
    given: { name: string; value: string }[],
    pod: string,
    mounts: { name: string; mountPath: string }[],
  ): Record<string, string> {
    const place = (value: string): string => {
      const mount = mounts.find(({ mountPath }) => value.startsWith(`${mountPath}/`));
      return mount ? join(this.folder, pod, mount.name, value.slice(mount.mountPath.length)) : value;
    };
    return Object.fromEntries(given.map(({ name, value }) => [name, place(value)]));
  }

  private async mount(pod: string, mounts: { name: string }[], secret: StoredObject): Promise<string> {
    for (const { name } of mounts) await mkdir(join(this.folder, pod, name), { recursive: true });
    for (const [key, value] of Object.entries(secret['stringData'] as Record<string, string>))
      await writeFile(join(this.folder, pod, 'token', key), value);
    return join(this.folder, pod);
  }
}

const mark = (one: StoredObject): void => void (one.metadata.deletionTimestamp ??= new Date().toISOString());
