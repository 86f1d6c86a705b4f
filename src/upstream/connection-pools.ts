import type { Dispatcher } from 'undici';

/** Connections to the same hosts, by how long they may have been idle before a request is sent on them. */
export interface ConnectionPools {
  /** As long as the server announces to keep them: for requests that may be repeated. */
  readonly kept: Dispatcher;
  /** Up to {@link RECENT_MS}: for requests that must not be repeated. */
  readonly recent: Dispatcher;
  /** None, each request has a new one: for the repetition of a request. */
  readonly unused: Dispatcher;
}

/** Shorter than servers and load balancers keep idle connections, so that they do not close one at that moment. */
const RECENT_MS = 1000;

interface KeepAlive {
  readonly keepAliveTimeout?: number;
  readonly keepAliveMaxTimeout?: number;
  readonly pipelining?: number;
}

export const connectionPools = (pool: (options: KeepAlive) => Dispatcher): ConnectionPools => ({
  kept: pool({}),
  recent: pool({ keepAliveTimeout: RECENT_MS, keepAliveMaxTimeout: RECENT_MS }),
  unused: pool({ pipelining: 0 }),
});

export async function destroyPools({ kept, recent, unused }: ConnectionPools): Promise<void> {
  await Promise.all([kept.destroy(), recent.destroy(), unused.destroy()]);
}

export const isIdempotent = (method: string | undefined): boolean => method === 'GET' || method === 'HEAD';

/** Codes of Node and undici for a connection that was closed, or could not be opened. */
const CLOSED = /^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/;
const REFUSED = 'ECONNREFUSED';

/** Pause before a connection that was refused is tried again: another replica may get it. */
export const pauseBefore = (error: Error): number => (codeOf(error) === REFUSED ? 100 : 0);

/**
 * Whether a request without any answer may be sent once more: it has not been sent, or repeating it changes nothing (RFC
 * 9110, section 9.2.2) and the server has closed the connection, as it does with one that was idle for too long.
 */
export function isRepeatable(error: Error, method: string | undefined, wasSent: boolean): boolean {
  const code = codeOf(error);
  return wasSent ? isIdempotent(method) && CLOSED.test(code) : code === REFUSED || CLOSED.test(code);
}

const codeOf = (error: Error): string => String(Reflect.get(error, 'code'));
