import { join } from 'node:path';

import { freePort } from '../../support/free-port.js';
import { packagePaths } from '../../../src/config/index.js';
import { HaProxy } from '../../support/haproxy.js';
import { RedisServer } from '../../support/redis-server.js';
import { ServerProcess } from '../../support/server.js';

export const KEY = 'sk-cluster-01234567890123';
const DRAIN_SECONDS = '3';

/** Which of the two replicas. */
export type Which = 0 | 1;

interface Behind extends AsyncDisposable {
  /** Address of its Runtime API. */
  readonly api: string;
}

/** Two built servers in role mcp behind HAProxy, with one Redis, in front of one runtime. */
export class Cluster<Runtime extends Behind = Behind> implements AsyncDisposable {
  private constructor(
    readonly runtime: Runtime,
    readonly redis: RedisServer,
    readonly haproxy: HaProxy,
    readonly replicas: [ServerProcess, ServerProcess],
  ) {}

  static async start<Runtime extends Behind>(runtime: Runtime): Promise<Cluster<Runtime>> {
    // Nothing that was started outlives a start that fails.
    await using started = new AsyncDisposableStack();
    started.use(runtime);
    const redis = started.use(await RedisServer.start());
    const ports = [await freePort(), await freePort()] as const;
    const begin = async (port: number): Promise<ServerProcess> =>
      started.use(await replica(port, runtime.api, redis.url));
    const replicas: [ServerProcess, ServerProcess] = [await begin(ports[0]), await begin(ports[1])];
    const haproxy = await HaProxy.start(ports);
    started.move();
    return new Cluster(runtime, redis, haproxy, replicas);
  }

  get endpoint(): string {
    return this.haproxy.endpoint;
  }

  /** Starts a replica again that has ended, where it was. */
  async startAgain(which: Which): Promise<void> {
    const ended = this.replicas[which];
    const port = Number(new URL(ended.endpoint).port);
    this.replicas[which] = await replica(port, this.runtime.api, this.redis.url);
    await ended[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.haproxy[Symbol.asyncDispose]();
    await Promise.all(this.replicas.map((each) => each.end('SIGKILL')));
    await Promise.all(this.replicas.map((each) => each[Symbol.asyncDispose]()));
    await this.runtime[Symbol.asyncDispose]();
    await this.redis[Symbol.asyncDispose]();
  }
}

const replica = (port: number, runtimeUrl: string, redisUrl: string): Promise<ServerProcess> =>
  ServerProcess.start(
    {
      CYBERUN_HTTP_PORT: String(port),
      CYBERUN_HTTP_DRAIN_SECONDS: DRAIN_SECONDS,
      CYBERUN_RUNTIME_URL: runtimeUrl,
      CYBERUN_REDIS_URL: redisUrl,
    },
    ['--role', 'mcp'],
  );

/** A real runtime with a real agent. */
export const realRuntime = (): Promise<ServerProcess> =>
  ServerProcess.start({
    CYBERUN_BOOTSTRAP_KEY: KEY,
    CYBERUN_WORKFLOWS_DIR: join(packagePaths.root, 'test/fixtures/workflows'),
    CYBERUN_AGENT_SLOTS: '4',
  });
