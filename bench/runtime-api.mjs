import { Agent } from 'undici';

import { KEY } from './protocol.mjs';

const TIMEOUT_MS = 120_000;

/** A client of the Runtime API. */
export class Api {
  #base;
  #agent = new Agent({ connections: null, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });

  constructor(endpoint) {
    this.#base = new URL('/api/v1/', endpoint);
  }

  get(path) {
    return this.#call('GET', path);
  }

  post(path, body = {}) {
    return this.#call('POST', path, JSON.stringify(body));
  }

  /** Submits a run without parameters; returns the id of the task. */
  async submit(slug) {
    return (await this.post(`r/workflows/slug/${slug}/run`)).task_id;
  }

  /** Yields the events of a task to its end. */
  async *events(taskId) {
    const { body } = await this.#request('GET', `r/tasks/${taskId}/events`);
    let pending = '';
    for await (const chunk of body) {
      const blocks = (pending + chunk).split('\n\n');
      pending = blocks.pop();
      for (const block of blocks) {
        const [, event, text] = /^event: (.+)\ndata: (.+)$/m.exec(block) ?? [];
        if (event !== undefined) yield { event, data: JSON.parse(text) };
      }
    }
  }

  /** Resolves when a task has completed; any other end is an error. */
  async completed(taskId) {
    let last;
    for await (const one of this.events(taskId)) last = one;
    if (last?.event !== 'completed') throw new Error(`task ${taskId}: ${JSON.stringify(last)}`);
  }

  close() {
    return this.#agent.destroy();
  }

  async #call(method, path, body) {
    const answer = await this.#request(method, path, body);
    return JSON.parse(await answer.body.text());
  }

  async #request(method, path, body) {
    const headers = {
      authorization: `Bearer ${KEY}`,
      ...(body && { 'content-type': 'application/json' }),
    };
    const { href, origin } = new URL(path, this.#base);
    const answer = await this.#agent.request({
      origin,
      path: href.slice(origin.length),
      method,
      headers,
      body,
    });
    if (answer.statusCode < 300) return answer;
    throw new Error(`${method} ${path}: ${answer.statusCode} ${await answer.body.text()}`);
  }
}
