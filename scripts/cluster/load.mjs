// Steady calls on kept connections, and tasks, while something happens to the pods that answer them.
import { callTool, connect, request, submit } from './client.mjs';

const CALLERS = 8;
const SESSIONS = 2;
const PAUSE_MS = 200;
const TASK_PAUSE_MS = 2000;
const KINDS_SHOWN = 4;

/** Calls from the start to the end, by clients that repeat nothing. */
export class Load {
  calls = 0;
  /** When a call failed, and why. */
  failures = [];
  tasks = [];
  #isOver = false;
  #workers = [];

  constructor(release) {
    this.release = release;
  }

  /** Begins with every caller connected. */
  static async start(release, { hasTasks = true } = {}) {
    const load = new Load(release);
    const clients = [];
    for (let index = 0; index < SESSIONS; index++) clients.push(await connect(release, { isOlder: true }));
    load.#workers = [
      ...Array.from({ length: CALLERS }, (_each, index) =>
        load.#repeat((turn) => load.#call(turn + index), PAUSE_MS),
      ),
      ...clients.map((client) => load.#session(client)),
      ...(hasTasks ? [load.#repeat(() => load.#submit(), TASK_PAUSE_MS)] : []),
    ];
    return load;
  }

  /** Ends it; the number of calls, and those that failed. */
  async stop() {
    this.#isOver = true;
    await Promise.all(this.#workers);
    return { calls: this.calls, failed: this.failures.length };
  }

  /** Why calls failed, each reason with its number. */
  get reasons() {
    const counts = new Map();
    for (const { reason } of this.failures) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    const sorted = [...counts].sort(([, one], [, other]) => other - one).slice(0, KINDS_SHOWN);
    return sorted.map(([reason, count]) => `${count}× ${reason}`).join('; ');
  }

  async #repeat(once, pauseMs) {
    for (let turn = 0; !this.#isOver; turn++) {
      await this.#count(() => once(turn));
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async #session(client) {
    await this.#repeat(() => client.listTools(), PAUSE_MS);
    await client.close();
  }

  /** One in two is answered by the endpoint alone, the other one by the runtime behind it. */
  #call(turn) {
    return turn % 2 === 0
      ? request(this.release, 'tools/list')
      : callTool(this.release, 'list_workflows', { per_page: 5 });
  }

  async #submit() {
    this.tasks.push(await submit(this.release, 'sleep', { seconds: 1, steps: 1 }));
  }

  async #count(once) {
    this.calls += 1;
    await once().catch((error) => {
      const reason = reasonOf(error);
      this.failures.push({ at: Date.now(), reason });
      console.log(`${new Date().toISOString()} a call failed: ${reason}`);
    });
  }
}

/** Numbers and ids are left out, so that like is counted with like. */
function reasonOf(error) {
  const cause = error.cause ? ` (${error.cause.code ?? error.cause.message})` : '';
  return `${error.message}${cause}`.replaceAll(/[0-9a-f-]{36}/g, '…').slice(0, 160);
}
