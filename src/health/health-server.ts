import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

/** Where the thread serves the probes, and after how much silence of the main thread `live` fails. */
export interface HealthOrder {
  readonly host: string;
  readonly port: number;
  readonly stallSeconds: number;
}

/** The port that the thread listens on, or why it does not. */
export type HealthReport = { readonly port: number } | { readonly code: string | undefined };

/** What the main thread says each second: why it is not ready, if so. */
export interface HealthNews {
  readonly problem: string | undefined;
}

const SECOND_MS = 1000;
const { host, port, stallSeconds } = workerData as HealthOrder;
let problem: string | undefined = 'starting';
/** Seconds of this thread, and not of a clock: a process that was stopped, and continues, is not dead. */
let silence = 0;

parentPort?.on('message', (news: HealthNews) => {
  silence = 0;
  ({ problem } = news);
});
setInterval(() => (silence += 1), SECOND_MS);

function stalled(): string | undefined {
  return silence < stallSeconds ? undefined : `the server has done nothing for ${silence} s`;
}

/** The status of each probe, and why it is not that. */
const PROBES: Readonly<Record<string, readonly [status: string, fault: () => string | undefined]>> = {
  '/health/live': ['live', stalled],
  '/health/ready': ['ready', () => stalled() ?? problem],
};

function answer({ method, url = '' }: IncomingMessage, response: ServerResponse): void {
  const [path = ''] = url.split('?', 1);
  const probe = method === 'GET' || method === 'HEAD' ? PROBES[path] : undefined;
  const fault = probe?.[1]();
  const isFine = probe !== undefined && fault === undefined;
  const body = isFine
    ? { status: probe[0] }
    : {
        error_message: probe
          ? fault
          : `Cannot ${method} ${path}: only /health/live and /health/ready are here`,
      };
  response.writeHead(isFine ? 200 : probe ? 503 : 404, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
}

const report = (said: HealthReport): void => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(said);
};
const server = createServer(answer);
server.once('error', ({ code }: NodeJS.ErrnoException) => report({ code }));
server.listen(port, host, () => report({ port: (server.address() as AddressInfo).port }));
