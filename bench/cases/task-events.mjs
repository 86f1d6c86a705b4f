import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

import { createFakeRuntime } from '../servers/fake-runtime.mjs';

/** How often a handful of events goes out; small, so that they are spread and not sent in bursts. */
const BEAT_MS = 10;

const taskIdOf = (index) => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
const indexOf = (taskId) => Number(taskId.slice(-12));

/** A runtime with running tasks that sends their events on request, and stores when it sent which. */
export class TaskEvents {
  #server;
  #streams = [];
  #completed = new Set();
  #sentAt;

  constructor(count, eventsPerTask) {
    this.count = count;
    this.eventsPerTask = eventsPerTask;
    this.#sentAt = Array.from({ length: count }, () => new Map());
    this.#server = createFakeRuntime({
      taskOf: (taskId) => ({
        id: taskId,
        task_status: this.#completed.has(indexOf(taskId)) ? 'completed' : 'running',
      }),
      onEvents: (taskId, response) => this.#subscribed(indexOf(taskId), response),
    });
  }

  async listen() {
    this.#server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${this.#server.address().port}/api/v1`;
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  taskId(index) {
    return taskIdOf(index);
  }

  /** Milliseconds since the event with this progress was sent for this task; `undefined` if it was none of ours. */
  delayOf(index, progress) {
    const sentAt = this.#sentAt[index].get(progress.toFixed(6));
    if (sentAt === undefined) return undefined;
    this.#sentAt[index].delete(progress.toFixed(6));
    return performance.now() - sentAt;
  }

  /** Sends every task its events in turn, evenly over time, and then its end. */
  async play(perSecond) {
    const perBeat = Math.max(1, Math.round((perSecond * BEAT_MS) / 1000));
    const total = this.count * (this.eventsPerTask + 1);
    const startedAt = performance.now();
    for (let sent = 0, beat = 1; sent < total; beat++) {
      const until = Math.min(total, sent + perBeat);
      for (; sent < until; sent++) this.#send(sent % this.count, Math.floor(sent / this.count) + 1);
      await delay(Math.max(0, startedAt + beat * BEAT_MS - performance.now()));
    }
  }

  #subscribed(index, response) {
    this.#streams[index] = response;
    write(response, 'status', { task_id: taskIdOf(index), status: 'running', timestamp: new Date() });
  }

  #send(index, step) {
    const task_id = taskIdOf(index);
    const stream = this.#streams[index];
    if (step > this.eventsPerTask) {
      this.#completed.add(index);
      write(stream, 'completed', { task_id, status: 'completed', output: { index } });
      stream.end();
      return;
    }
    const progress = step / (this.eventsPerTask + 1);
    this.#sentAt[index].set(progress.toFixed(6), performance.now());
    write(stream, 'progress', {
      task_id,
      progress,
      step_current: step,
      step_total: this.eventsPerTask + 1,
      current_node: 'bench',
      timestamp: new Date(),
    });
  }
}

const write = (stream, event, data) => stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
