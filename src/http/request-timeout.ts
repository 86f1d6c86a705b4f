import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

interface Extension {
  readonly until: number;
  /** Aborted when the request has arrived. */
  readonly arrived: AbortSignal;
}

const extensions = new WeakMap<Duplex, Extension>();

/** Gives a request more time to arrive than `limits.requestMs`, once it is known to be authorised. */
export function extendRequestTimeout(request: IncomingMessage, ms: number): void {
  const { socket } = request;
  const arrived = new AbortController();
  extensions.set(socket, { until: Date.now() + ms, arrived: arrived.signal });
  request.once('close', () => {
    extensions.delete(socket);
    arrived.abort();
  });
}

/**
 * Calls back when a request that Node reports as too slow, once per request, has used up its time: at once, unless the
 * time was extended.
 */
export function afterExtension(socket: Duplex, callback: () => void): void {
  const extension = extensions.get(socket);
  const left = (extension?.until ?? 0) - Date.now();
  if (left <= 0) {
    callback();
    return;
  }
  const timer = setTimeout(callback, left);
  extension?.arrived.addEventListener('abort', () => clearTimeout(timer), { once: true });
}
