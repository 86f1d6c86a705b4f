import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { type ContainerLog, ContainerProcess } from './container-process.js';
import type { ObjectStore, StoredObject } from './object-store.js';

/** The kubelet waits before it starts a container again, and longer each time. */
const BACK_OFF_MS = 200;

interface PodProcess {
  readonly log: ContainerLog;
  former?: ContainerLog;
  container: ContainerProcess;
}

/** Deployments with one pod of one container, which is started again whenever it ends. */
export class Deployments {
  /** While this says why, no pod is made. */
  quota: string | undefined;
  /** While this says why, new pods are not scheduled. */
  unschedulable: string | undefined;
  /** While this says why, their images are missing. */
  imageProblem: { readonly reason: string; readonly message: string } | undefined;
  /** By pod. */
  private readonly processes = new Map<string, PodProcess>();
  private readonly loops = new Set<Promise<void>>();
  private number = 0;
  private isOver = false;

  constructor(
    private readonly store: ObjectStore,
    private readonly folder: string,
  ) {
    store.changes.on('change', (type, { kind, metadata: { name } }) => {
      const deployment = store.get('Deployment', name);
      // The pod mounts the Secret.
      if (type === 'ADDED' && kind === 'Secret' && deployment) this.makePod(deployment);
    });
  }

  logOf(pod: string, isFormer: boolean): ContainerLog | undefined {
    const process = this.processes.get(pod);
    return isFormer ? process?.former : process?.log;
  }

  podsOf({ metadata: { name } }: StoredObject): StoredObject[] {
    return this.store.list('Pod', `cyberun.deployment=${name}`);
  }

  /** In the foreground: it is there until its pod has gone. */
  delete(deployment: StoredObject): void {
    this.store.update(deployment, mark);
    const pods = this.podsOf(deployment);
    for (const pod of pods) this.deletePod(pod);
    if (this.podsOf(deployment).length === 0) this.store.remove(deployment);
  }

  /** As `kubectl delete pod`, or a node that is drained. */
  deletePod(pod: StoredObject): void {
    this.store.update(pod, mark);
    const { container } = this.processes.get(pod.metadata.name) ?? {};
    if (container) container.kill('SIGTERM');
    else this.podHasGone(pod);
  }

  /** Ends the container of a pod as the kernel does that has too little memory. */
  kill(pod: StoredObject): void {
    this.processes.get(pod.metadata.name)?.container.kill('SIGKILL');
  }

  /** What kept pods from starting is over. */
  retry(): void {
    for (const deployment of this.store.list('Deployment')) {
      for (const pod of this.podsOf(deployment))
        if (!this.processes.has(pod.metadata.name)) this.store.remove(pod);
      if (this.podsOf(deployment).length === 0) this.makePod(deployment);
    }
  }

  async end(): Promise<void> {
    this.isOver = true;
    for (const { container } of this.processes.values()) container.kill('SIGKILL');
    await Promise.all(this.loops);
  }

  private makePod(deployment: StoredObject): void {
    if (this.quota !== undefined) return this.fail(deployment, this.quota);
    const { metadata, spec } = structuredClone(deployment['spec'].template) as StoredObject;
    this.number += 1;
    const name = `${deployment.metadata.name}-${this.number}`;
    const creationTimestamp = new Date(Date.now() + this.number * 1000).toISOString();
    const pod = this.store.add({
      kind: 'Pod',
      metadata: { ...metadata, name, creationTimestamp } as StoredObject['metadata'],
      spec,
      status: { phase: 'Pending' },
    });
    if (this.unschedulable !== undefined) {
      const message = this.unschedulable;
      const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message };
      this.store.update(pod, ({ status }) => void (status.conditions = [condition]));
    } else if (this.imageProblem) this.show(pod, { state: { waiting: this.imageProblem } });
    else {
      const loop = this.run(pod, this.store.get('Secret', deployment.metadata.name));
      this.loops.add(loop);
      void loop.finally(() => this.loops.delete(loop));
    }
  }

  private fail(deployment: StoredObject, message: string): void {
    const condition = { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message };
    this.store.update(deployment, (one) => void (one['status'] = { conditions: [condition] }));
  }

  private async run(pod: StoredObject, secret: StoredObject | undefined): Promise<void> {
    const { name } = pod.metadata;
    const place = {
      folder: join(this.folder, name),
      secret: secret?.['stringData'] as Record<string, string>,
    };
    await mkdir(place.folder, { recursive: true });
    let lastState: object = {};
    for (let restartCount = 0; !pod.metadata.deletionTimestamp && !this.isOver; restartCount += 1) {
      const container = await ContainerProcess.start(pod['spec'].containers[0], place);
      const former = this.processes.get(name)?.log;
      this.processes.set(name, { container, log: container.log, ...(former && { former }) });
      this.store.update(pod, ({ status }) => void (status.phase = 'Running'));
      this.show(pod, { restartCount, lastState, state: { running: {} } });
      const exitCode = await container.ended;
      const reason = exitCode === 137 ? 'OOMKilled' : 'Error';
      lastState = { terminated: { exitCode, reason, containerID: `containerd://${name}-${restartCount}` } };
      this.show(pod, { restartCount, lastState: {}, state: lastState });
      if (pod.metadata.deletionTimestamp || this.isOver) break;
      await delay(BACK_OFF_MS);
    }
    this.processes.delete(name);
    if (!this.isOver) this.podHasGone(pod);
  }

  private show(pod: StoredObject, status: object): void {
    const all = [{ name: 'service', ...status }];
    this.store.update(pod, (one) => void (one['status'].containerStatuses = all));
  }

  /** A Deployment that stays gets another pod. */
  private podHasGone(pod: StoredObject): void {
    this.store.remove(pod);
    const deployment = this.store.get('Deployment', pod.metadata.labels?.['cyberun.deployment'] ?? '');
    if (!deployment) return;
    if (!deployment.metadata.deletionTimestamp) this.makePod(deployment);
    else if (this.podsOf(deployment).length === 0) this.store.remove(deployment);
  }
}

const mark = (one: StoredObject): void => void (one.metadata.deletionTimestamp ??= new Date().toISOString());
