import { once } from 'node:events';
import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  IncomingHttpHeaders,
  IncomingHttpStatusHeader,
} from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';

import type { V1Pod } from '@kubernetes/client-node';
import { Logger } from '@nestjs/common';

import { errorText } from '../../config/index.js';
import { writeLine } from '../../tunnel/index.js';
import { apiMessageOf } from './api-calls.js';
import type { Cluster } from './cluster.js';
import { mainEndOf, mainStatusOf } from './main-end.js';
import { MAIN_PATH, type MainReport, TOLD_HEADER } from './main-execution.js';
import { MAIN_CONTAINER } from './main-job.js';
import type { PodConnection } from './pod-gateway.js';
import { failedFetchOf } from './pod-standing.js';

const logger = new Logger('Kubernetes');
/** Between two readings of a log. */
const PAUSE_MS = 1000;
/** Readings that may fail once the container has ended. */
const LAST_TRIES = 3;
/** For what is left of the log once the container has ended; a node that was lost sends nothing. */
const REST_MS = 15_000;

/**
 * Tells the agent in a pod about the container of its step: what this writes, from its log, and how it ends, from the status of
 * the pod. It begins again with each connection of the pod, behind what has been told.
 */
export class MainLink {
  private readonly begun = Promise.withResolvers<void>();
  private readonly ended = Promise.withResolvers<MainReport>();
  private hasEnded = false;
  private hasMain = false;
  private isLogRefused = false;
  private podName = '';

  constructor(
    private readonly cluster: Pick<Cluster, 'followLog'>,
    private readonly signal: AbortSignal,
  ) {}

  /** Whether the container may still run, or start. */
  get isGoingOn(): boolean {
    return this.hasMain && !this.hasEnded;
  }

  /** How the pod is now. */
  observe(pod: V1Pod): void {
    if (!pod.spec?.containers.some(({ name }) => name === MAIN_CONTAINER)) return;
    this.hasMain = true;
    this.podName = pod.metadata?.name ?? '';
    const end = mainEndOf(pod);
    if (mainStatusOf(pod)?.state?.running || end) this.begun.resolve();
    if (end) this.ended.resolve(end);
    this.hasEnded ||= end !== undefined || failedFetchOf(pod) !== undefined;
  }

  connected({ session, hasRun }: PodConnection): void {
    if (!hasRun) return;
    this.tell(session).catch((error: unknown) => {
      if (!this.signal.aborted) logger.debug(`the container of ${this.podName}: ${errorText(error)}`);
    });
  }

  private async tell(session: ClientHttp2Session): Promise<void> {
    const stream = session.request({ ':method': 'POST', ':path': MAIN_PATH });
    stream.on('error', () => undefined);
    const [headers] = (await once(stream, 'response', { signal: this.signal })) as [
      IncomingHttpHeaders & IncomingHttpStatusHeader,
    ];
    // One whose run has no such container, or that stores the inputs.
    if (headers[':status'] !== 200) return;
    const closed = once(stream, 'close').catch(() => undefined);
    await Promise.race([this.begun.promise, closed]);
    await this.passLog(stream, String(headers[TOLD_HEADER] ?? ''), closed);
    const end = await Promise.race([this.ended.promise, closed]);
    if (stream.destroyed || !end || !('type' in end)) return;
    await writeLine(stream, end);
    stream.end();
  }

  /** Resolves when the container has ended and its log is read, or the stream has ended. */
  private async passLog(stream: ClientHttp2Stream, told: string, closed: Promise<unknown>): Promise<void> {
    const over = new AbortController();
    void closed.finally(() => over.abort());
    const signal = AbortSignal.any([over.signal, this.signal]);
    void this.ended.promise
      .then(() => delay(REST_MS, undefined, { signal }))
      .then(
        () => over.abort(),
        () => undefined,
      );
    let after = told;
    let failures = 0;
    for (let isLast = false; !isLast && !signal.aborted;) {
      // Read before the log, which then has everything.
      const { hasEnded } = this;
      const place = { pod: this.podName, container: MAIN_CONTAINER, after };
      const isRead = await this.cluster
        .followLog(place, signal, async (text, position) => {
          after = position;
          await writeLine(stream, { type: 'output', text, time: position } satisfies MainReport);
        })
        .then(
          () => true,
          (error: unknown) => this.warn(error, signal),
        );
      failures = isRead ? 0 : failures + 1;
      isLast = hasEnded && (isRead || failures >= LAST_TRIES);
      const end = hasEnded ? closed : this.ended.promise;
      if (!isLast) await Promise.race([delay(PAUSE_MS, undefined, { ref: false }), end, closed]);
    }
  }

  private warn(error: unknown, { aborted }: AbortSignal): false {
    if (!aborted && !this.isLogRefused)
      logger.warn(`the log of ${this.podName} cannot be read: ${apiMessageOf(error) ?? errorText(error)}`);
    this.isLogRefused = true;
    return false;
  }
}
