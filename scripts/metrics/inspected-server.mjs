// The built server in role mcp in front of a runtime that answers from memory, under Node's inspector.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { createFakeRuntime } from '../../bench/servers/fake-runtime.mjs';

const ENTRY = join(import.meta.dirname, '..', '..', 'dist', 'main.js');

/** Starts both; `taskOf` is what the runtime says of a task. */
export async function startInspectedServer(taskOf) {
  const runtime = createFakeRuntime({ taskOf }).listen(0, '127.0.0.1');
  await once(runtime, 'listening');
  const child = spawn(process.execPath, ['--inspect=127.0.0.1:0', ENTRY, 'serve', '--role', 'mcp'], {
    env: {
      PATH: process.env.PATH,
      CYBERUN_HTTP_PORT: '0',
      CYBERUN_LOGGER_FORMAT: 'json',
      CYBERUN_RUNTIME_URL: `http://127.0.0.1:${runtime.address().port}/api/v1`,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stop = async () => {
    child.kill('SIGKILL');
    runtime.closeAllConnections();
    runtime.close();
  };
  try {
    const { endpoint, debuggerUrl } = await announced(child);
    return { endpoint, inspector: await Inspector.connect(debuggerUrl), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function announced(child) {
  const { promise, resolve, reject } = Promise.withResolvers();
  const log = [];
  const found = {};
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      log.push(line);
      found.debuggerUrl ??= /^Debugger listening on (ws:\S+)$/.exec(line)?.[1];
      if (line.includes('"message":"ready"')) found.endpoint = JSON.parse(line).endpoint;
      if (found.debuggerUrl && found.endpoint) resolve(found);
    });
  }
  child.once('exit', (code) => reject(new Error(`The server ended with ${code}:\n${log.join('\n')}`)));
  return promise;
}

/** Commands and events of Chrome's DevTools protocol. */
export class Inspector {
  #socket;
  #nextId = 1;
  #pending = new Map();
  #listeners = new Map();

  static async connect(url) {
    const socket = new WebSocket(url);
    await once(socket, 'open');
    return new Inspector(socket);
  }

  constructor(socket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => this.#receive(JSON.parse(data)));
  }

  send(method, params = {}) {
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers();
    this.#pending.set(id, { resolve, reject, method });
    this.#socket.send(JSON.stringify({ id, method, params }));
    return promise;
  }

  on(event, listener) {
    this.#listeners.set(event, listener);
  }

  close() {
    this.#socket.close();
  }

  #receive({ id, method, params, result, error }) {
    if (method) return this.#listeners.get(method)?.(params);
    const call = this.#pending.get(id);
    this.#pending.delete(id);
    return error ? call.reject(new Error(`${call.method}: ${error.message}`)) : call.resolve(result);
  }
}
