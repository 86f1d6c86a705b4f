import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { Logger } from '@nestjs/common';

import { bareHost, type Config, originOf, StartError } from '../config/index.js';
import { type Draining, type Readiness, SHUTTING_DOWN } from './health.controller.js';
import type { HealthNews, HealthOrder, HealthReport } from './health-server.js';

/** How often the main thread says that it is alive. */
const BEAT_MS = 1000;
/** Of the thread, which does nothing but answer probes. */
const HEAP_MB = 16;
/** Errors that another port avoids. */
const PORT_TROUBLE: ReadonlySet<string | undefined> = new Set(['EADDRINUSE', 'EACCES']);

/** What the probes are about; known once the application is complete. */
interface Observed {
  readonly draining: Draining;
  readonly readiness: Readiness;
}

/**
 * Probes in a thread of their own, on a port of their own. Load on the main thread does not delay them, so that it does not
 * look like death; when the main thread makes no turn for too long, they report that.
 */
export class HealthThread {
  private problem: string | undefined = 'starting';
  private isAsking = false;
  private beat: NodeJS.Timeout | undefined;

  private constructor(
    private readonly worker: Worker,
    private readonly endpoint: string,
  ) {}

  /**
   * Starts the thread if a port is set for it; until {@link observe}, it reports that the server is starting.
   *
   * @throws {StartError} when the port is not available.
   */
  static async start({
    httpHost,
    healthPort,
    healthStallSeconds,
  }: Config): Promise<HealthThread | undefined> {
    if (healthPort === undefined) return undefined;
    const ending = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
    const order: HealthOrder = {
      host: bareHost(httpHost),
      port: healthPort,
      stallSeconds: healthStallSeconds,
    };
    const worker = new Worker(new URL(`health-server${ending}`, import.meta.url), {
      workerData: order,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: 4 },
    });
    const [report] = (await once(worker, 'message')) as [HealthReport];
    if ('code' in report) throw unavailable(httpHost, healthPort, report.code);
    worker.unref();
    const thread = new HealthThread(worker, originOf(httpHost, report.port));
    worker.on('error', (error: unknown) => {
      new Logger('Health').error({ message: 'probes are not answered', error });
    });
    thread.beat = setInterval(() => thread.tell(), BEAT_MS).unref();
    return thread;
  }

  /** From now on the probes report the state of the application. */
  async observe({ draining, readiness }: Observed): Promise<void> {
    new Logger('Health').log({ message: 'served', endpoint: `${this.endpoint}/health/live` });
    const ask = async (): Promise<void> => {
      // A check that hangs must not look like a main thread that does.
      if (this.isAsking) return;
      this.isAsking = true;
      const problem = await readiness.problem().catch(() => 'the readiness cannot be checked');
      this.isAsking = false;
      this.problem = draining.isUnderWay ? SHUTTING_DOWN : problem;
    };
    clearInterval(this.beat);
    this.beat = setInterval(() => {
      this.tell();
      void ask();
    }, BEAT_MS).unref();
    draining.onBegin(() => {
      this.problem = SHUTTING_DOWN;
      this.tell();
    });
    await ask();
    this.tell();
  }

  private tell(): void {
    const news: HealthNews = { problem: this.problem };
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    this.worker.postMessage(news);
  }
}

function unavailable(host: string, port: number, code: string | undefined): Error {
  if (!PORT_TROUBLE.has(code)) return new Error(`the probes cannot be served (${code})`);
  return new StartError(
    `Port ${port} on ${host} is not available for probes (${code}). Choose another with CYBERUN_HEALTH_PORT (0 picks a free one), or leave it empty.`,
  );
}
