import { Pool } from 'undici';

import { bodyAround, resultOf } from './protocol.mjs';
import { median, pairwise, quantile, summary } from './statistics.mjs';

const CONNECTIONS = 32;
const WARM_UP_STEP_MS = 250;

/**
 * One server under one kind of request.
 * @typedef {{ name: string, server: import('./server-process.mjs').ServerProcess, url?: string,
 *   calls: { headers: Record<string, string>, method: string, params: object }[], isBare?: boolean }} Lane
 */

/**
 * Gives every lane one window per round, each round in the opposite order of the one before, and returns for every lane
 * its windows, in the order of the rounds.
 * @param {Lane[]} lanes
 */
export async function interleave(lanes, { rounds, windowMs, warmUp }) {
  const loads = lanes.map((lane) => new Load(lane));
  for (const load of loads) await load.warmUp(warmUp);
  const windows = new Map(lanes.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const ordered = round % 2 === 0 ? loads : loads.toReversed();
    for (const load of ordered) windows.get(load.lane.name).push(await load.measure(windowMs));
  }
  await Promise.all(loads.map((load) => load.close()));
  return windows;
}

/** What the windows of a lane come to. */
export function costOf(windows) {
  const cpu = windows.map(({ cpuUs }) => cpuUs);
  return {
    cpuUs: { ...summary(cpu), min: Math.min(...cpu) },
    perSecond: median(windows.map(({ perSecond }) => perSecond)),
    p99Ms: median(windows.map(({ p99Ms }) => p99Ms)),
  };
}

/** CPU per request of one lane over that of another, round by round. */
export const ratioOf = (ours, theirs) =>
  pairwise(
    ours.map(({ cpuUs }) => cpuUs),
    theirs.map(({ cpuUs }) => cpuUs),
  );

class Load {
  #pool;
  #target;
  #requests;
  #id = 0;

  /** @param {Lane} lane */
  constructor(lane) {
    this.lane = lane;
    const { origin, pathname } = new URL(lane.url ?? lane.server.endpoint);
    this.#target = pathname;
    this.#pool = new Pool(origin, { connections: CONNECTIONS });
    this.#requests = lane.calls.map((each) => ({ headers: each.headers, ...bodyAround(each) }));
  }

  close() {
    return this.#pool.close();
  }

  /** One window: what a request cost the server, and how many there were. */
  async measure(milliseconds) {
    const { server } = this.lane;
    const before = await server.ask('cpu');
    const { latencies, elapsedMs } = await this.run(milliseconds);
    const used = (await server.ask('cpu')) - before;
    return {
      cpuUs: used / latencies.length,
      perSecond: (latencies.length * 1000) / elapsedMs,
      p99Ms: quantile(latencies, 0.99),
    };
  }

  /** Lets the engine compile what is hot; on a busy machine that takes requests, not time. */
  async warmUp({ requests, limitMs }) {
    const end = performance.now() + limitMs;
    for (let sent = 0; sent < requests && performance.now() < end;) {
      sent += (await this.run(WARM_UP_STEP_MS)).latencies.length;
    }
  }

  /** Keeps every connection busy for so long. */
  async run(milliseconds) {
    const latencies = [];
    const startedAt = performance.now();
    const end = startedAt + milliseconds;
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async (_, connection) => {
        let isFirst = true;
        do {
          const sentAt = performance.now();
          await this.#one(connection, isFirst);
          latencies.push(performance.now() - sentAt);
          isFirst = false;
        } while (performance.now() < end);
      }),
    );
    return { latencies, elapsedMs: performance.now() - startedAt };
  }

  /** The first answer of a connection is looked into, of the others the status must do. */
  async #one(connection, isChecked) {
    const { headers, before, after } = this.#requests[connection % this.#requests.length];
    const body = `${before}${++this.#id}${after}`;
    const options = { path: this.#target, method: 'POST', headers, body };
    const { statusCode, chunks } = await exchange(this.#pool, options);
    if (statusCode !== 200) throw new Error(`${this.lane.name}: ${statusCode} ${textOf(chunks)}`);
    if (isChecked && !this.lane.isBare) resultOf(textOf(chunks));
  }
}

const textOf = (chunks) => Buffer.concat(chunks).toString();

/** Undici's own request() makes a stream for every answer; the load would then cost more than the servers it measures. */
const exchange = (pool, options) =>
  new Promise((resolve, reject) => {
    const chunks = [];
    let statusCode;
    pool.dispatch(options, {
      onRequestStart: () => undefined,
      onResponseStart: (_controller, status) => (statusCode = status),
      onResponseData: (_controller, chunk) => chunks.push(chunk),
      onResponseEnd: () => resolve({ statusCode, chunks }),
      onResponseError: (_controller, error) => reject(error),
    });
  });
