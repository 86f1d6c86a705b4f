import { once } from 'node:events';

import { WebSocket } from 'ws';

import { http2ServerOver, readLines } from '../dist/tunnel/index.js';

const CONNECTING_AT_ONCE = 50;

/** What a simulated agent does with a run: nothing, and it reports so at once. */
const endAtOnce = async (write) => {
  write({ type: 'completed', output: null, files: [] });
};

/** Agents of the real protocol in this process, which run no programs: only the runtime is measured. */
export class SimulatedAgents {
  #webSockets = [];
  #gateway;
  #key;
  #perform;
  #isClosing = false;

  /** @param perform gets a function that writes a report, and the order; its last report ends the run. */
  constructor(endpoint, key, perform = endAtOnce) {
    this.#gateway = new URL('/api/v1/gateway', endpoint.replace('http', 'ws')).href;
    this.#key = key;
    this.#perform = perform;
  }

  /** Connects so many agents; `labelsOf` names the labels of the n-th. */
  async connect(count, labelsOf, slots = 1) {
    let next = 0;
    const connectSome = async () => {
      while (next < count) {
        const index = next++;
        await this.#connect({
          agent_id: `simulated-${index}`,
          labels: labelsOf(index),
          slots,
          version: '0.0.0',
          platform: 'linux/amd64',
        });
      }
    };
    await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, connectSome));
  }

  async close() {
    this.#isClosing = true;
    await Promise.all(
      this.#webSockets.map(async (webSocket) => {
        webSocket.close(4002, 'goodbye');
        await once(webSocket, 'close');
      }),
    );
  }

  async #connect(hello) {
    const webSocket = new WebSocket(this.#gateway, { headers: { authorization: `Bearer ${this.#key}` } });
    this.#webSockets.push(webSocket);
    const answer = (stream, { ':path': path }) => {
      stream.on('error', () => undefined);
      stream.respond({ ':status': 200 });
      if (path === '/runs') this.#run(stream).catch((error) => this.#failed(error));
      else stream.end(path === '/hello' ? JSON.stringify(hello) : '');
    };
    await new Promise((resolve, reject) => {
      webSocket.once('error', reject);
      // At once, since the first message may have come with the answer to the upgrade.
      webSocket.once('open', () => void http2ServerOver(webSocket, answer).then(resolve, reject));
    });
  }

  async #run(stream) {
    const lines = readLines(stream);
    const { value } = await lines.next();
    const write = (report) => stream.write(`${JSON.stringify(report)}\n`);
    write({ type: 'started' });
    await this.#perform(write, value.order);
    // The runtime has stored the last report.
    await lines.next();
    stream.end();
  }

  /** Runs that are cut by the end of the agents are no failure. */
  #failed(error) {
    if (!this.#isClosing) throw error;
  }
}
