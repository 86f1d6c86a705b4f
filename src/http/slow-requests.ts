import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

interface Allowance {
  readonly until: number;
  /** Aborted when the request has arrived. */
  readonly arrived: AbortSignal;
}

const allowances = new WeakMap<Duplex, Allowance>();

/** Gives a request that was found to be good longer to arrive than any other has. */
export function allowTime(request: IncomingMessage, ms: number): void {
  const { socket } = request;
  const arrived = new AbortController();
  allowances.set(socket, { until: Date.now() + ms, arrived: arrived.signal });
  request.once('close', () => {
    allowances.delete(socket);
    arrived.abort();
  });
}

/**
 * Has something done when the time of a request that Node finds too slow is really over: now, unless it was given more.
 * Node asks once per request.
 */
export function whenOverdue(socket: Duplex, end: () => void): void {
  const allowance = allowances.get(socket);
  const left = (allowance?.until ?? 0) - Date.now();
  if (left <= 0) {
    end();
    return;
  }
  const timer = setTimeout(end, left);
  allowance?.arrived.addEventListener('abort', () => clearTimeout(timer), { once: true });
}
