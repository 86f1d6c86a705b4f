import { join } from 'node:path';

import { type Limits, type Role } from '../../src/config/index.js';
import { until } from './processes.js';
import { ServerProcess } from './server.js';

/** How to poll {@link LimitedServer.held}: what the last connections held goes when the server has seen them close. */
export const SOON = { timeout: 60_000, interval: 250 };

/** A built server with limits that a test can wait for, and its page of metrics. */
export class LimitedServer implements AsyncDisposable {
  private constructor(readonly process: ServerProcess) {}

  /** @param flags of Node. */
  static async start(
    role: Role,
    limits: Partial<Limits>,
    environment: Record<string, string> = {},
    flags: readonly string[] = [],
  ): Promise<LimitedServer> {
    const script = join(import.meta.dirname, 'limited-server.mjs');
    const entry = ['--expose-gc', ...flags, script, role, JSON.stringify(limits)];
    return new LimitedServer(
      await ServerProcess.start({ CYBERUN_METRICS_PORT: '0', ...environment }, [], entry),
    );
  }

  get endpoint(): string {
    return this.process.endpoint;
  }

  get metricsUrl(): string {
    const line = this.process.log.find((text) => text.includes('"context":"Metrics"')) ?? '{}';
    return /"(http:[^"]+\/metrics)"/.exec(line)?.[1] ?? '';
  }

  /** The value of a series, by the whole of its name. */
  async metric(series: string): Promise<number | undefined> {
    const page = await (await fetch(this.metricsUrl)).text();
    const line = page.split('\n').find((text) => text.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length));
  }

  /** Memory in MiB that its objects and buffers take, garbage left out; memory that V8 keeps for later is not counted. */
  async held(): Promise<number> {
    const { log, child } = this.process;
    const before = log.length;
    const said = (): string | undefined =>
      log.slice(before).find((line) => line.includes('"message":"held"'));
    child.kill('SIGUSR2');
    await until(() => Promise.resolve(said() !== undefined));
    const { heapUsed, external } = JSON.parse(said() ?? '{}') as { heapUsed: number; external: number };
    return (heapUsed + external) / 1_048_576;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}
