import { Agent } from 'undici';

import { bodyAround, callIn, openSession, resultOf, SESSIONS } from '../protocol.mjs';

/** Streams are opened so many at a time, as many clients would. */
const OPENING_AT_ONCE = 100;
const STREAMS_PER_SESSION = 50;
const TIMEOUT_MS = 60_000;

/** Clients that follow one task each. */
export class Watchers {
  /** Delay of every event that arrived, in milliseconds. */
  delays = [];
  /** Streams that ended in the completed task. */
  results = 0;

  #endpoint;
  #era;
  #events;
  #sessions = [];
  #ends = [];
  #agent = new Agent({
    connections: null,
    pipelining: 1,
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  });

  /** @param {import('./task-events.mjs').TaskEvents} events */
  constructor(endpoint, era, events) {
    this.#endpoint = new URL(endpoint);
    this.#era = era;
    this.#events = events;
  }

  /** Opens so many streams; resolves when each of them has told something. */
  async open(count) {
    if (this.#era === SESSIONS) {
      const wanted = Math.ceil(count / STREAMS_PER_SESSION);
      while (this.#sessions.length < wanted) this.#sessions.push(await openSession(this.#endpoint.href));
    }
    let next = 0;
    const openOnes = async () => {
      while (next < count) await this.#watch(next++);
    };
    await Promise.all(Array.from({ length: OPENING_AT_ONCE }, openOnes));
  }

  /** Resolves when every stream has ended. */
  finished() {
    return Promise.all(this.#ends);
  }

  close() {
    return this.#agent.destroy();
  }

  async #watch(index) {
    const { promise: started, resolve } = Promise.withResolvers();
    const end = this.#follow(index, resolve);
    this.#ends.push(end);
    await Promise.race([started, end]);
  }

  async #follow(index, started) {
    const what = callIn(this.#era, {
      method: 'tools/call',
      params: {
        name: 'stream_task_events',
        arguments: { task_id: this.#events.taskId(index), timeout_seconds: 600 },
        _meta: { progressToken: index },
      },
      session: this.#sessions[Math.floor(index / STREAMS_PER_SESSION)],
    });
    const { before, after } = bodyAround(what);
    const { origin, pathname } = this.#endpoint;
    const answer = await this.#agent.request({
      origin,
      path: pathname,
      method: 'POST',
      headers: what.headers,
      body: `${before}${index + 1}${after}`,
    });
    let pending = '';
    for await (const chunk of answer.body) {
      const parts = (pending + chunk).split('\n\n');
      pending = parts.pop();
      for (const part of parts) if (this.#onEvent(index, part)) started();
    }
  }

  /** Whether it was a message; a stream that can be resumed begins with an event that holds none. */
  #onEvent(index, part) {
    const data = /^data: ?(\{.+)$/m.exec(part)?.[1];
    if (data === undefined) return false;
    const { method, params } = JSON.parse(data);
    if (method === 'notifications/progress') {
      const late = this.#events.delayOf(index, params.progress);
      if (late !== undefined) this.delays.push(late);
    } else if (method === undefined && resultOf(data).structuredContent?.task_status === 'completed') {
      this.results++;
    }
    return true;
  }
}
