import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { Logger } from '@nestjs/common';
import { Client, type ClientConfig, Pool } from 'pg';

import { errorText } from '../../config/index.js';
import { NamedStatements } from './named-statements.js';

/** Limits in milliseconds. */
export interface ConnectionLimits {
  readonly connect: number;
  /** A server that is stopped (SIGSTOP) or behind a dead network accepts queries and never answers. */
  readonly query: number;
  /** For one query on the connection for notifications. */
  readonly notifications: number;
  /** How long the end of the connections may take before they are cut. */
  readonly close: number;
}

export const CONNECTION_LIMITS: ConnectionLimits = {
  connect: 5000,
  query: 30_000,
  notifications: 5000,
  close: 2000,
};

const POOL_SIZE = 20;
/** Message of the driver for a query that took longer than its limit. */
export const TIMED_OUT = 'Query read timeout';

/** The connections of this process to a PostgreSQL server. */
export class ServerConnections {
  /** For queries, with a time limit for each. */
  readonly pool: Pool;
  private readonly sockets = new Set<Socket>();
  private readonly statements = new NamedStatements();
  private isClosed = false;

  constructor(
    private readonly url: string,
    private readonly limits: ConnectionLimits,
  ) {
    this.pool = this.newPool({ max: POOL_SIZE, query_timeout: limits.query });
  }

  /** A connection whose queries may take any time, for waits that must not be given up. */
  newClient(): Client {
    return new Client(this.options());
  }

  /** A connection that is given up when the server does not answer. */
  newNotificationClient(): Client {
    return new Client({ ...this.options(), query_timeout: this.limits.notifications });
  }

  /** Connections whose queries may take any time, for `work` alone. */
  async withPatience<Result>(work: (pool: Pool) => Promise<Result>): Promise<Result> {
    const pool = this.newPool({ max: 2 });
    try {
      return await work(pool);
    } finally {
      await this.ended(pool.end());
    }
  }

  /** @param others the ends of connections that their holders have begun. */
  async close(...others: readonly Promise<void>[]): Promise<void> {
    this.isClosed = true;
    await this.ended(Promise.all([this.pool.end(), ...others]));
  }

  /** Waits until connections have ended; cuts them when the server does not answer. */
  private async ended(ending: Promise<unknown>): Promise<void> {
    const limit = new AbortController();
    const late = delay(this.limits.close, undefined, { signal: limit.signal }).then(
      () => this.cut(),
      () => undefined,
    );
    await Promise.race([ending, late]);
    limit.abort();
    if (this.isClosed) this.cut();
    await ending;
  }

  private cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private newPool(options: { readonly max: number; readonly query_timeout?: number }): Pool {
    const pool = new Pool({ ...this.options(), ...options });
    // Without a listener the loss of a connection would end the process; its query fails by itself.
    pool.on('error', (error) => {
      if (!this.isClosed) new Logger('Database').warn(`a connection was lost: ${errorText(error)}`);
    });
    pool.on('connect', (client) => {
      client.on('error', () => undefined);
      endAfterTimeout(client);
      this.statements.use(client);
    });
    return pool;
  }

  private options(): ClientConfig {
    return {
      connectionString: this.url,
      application_name: 'cyberun-mcp',
      keepAlive: true,
      connectionTimeoutMillis: this.limits.connect,
      stream: () => this.newSocket(),
    };
  }

  private newSocket(): Socket {
    const socket = new Socket();
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    return socket;
  }
}

/** The server still works on a query that has timed out: the pool must not give its connection to the next caller. */
function endAfterTimeout(client: Client): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  client.query = ((...args: unknown[]) => {
    const answer = query(...args);
    if (answer instanceof Promise)
      answer.catch((error: unknown) => {
        if (error instanceof Error && error.message === TIMED_OUT) void client.end();
      });
    return answer;
  }) as typeof client.query;
}
