import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** What came of a question: an answer, or none within the limits of time and memory, or the thread ended over it. */
export type DeadlineAnswer<Answer> =
  | { readonly outcome: 'answered'; readonly answer: Answer }
  | { readonly outcome: 'exceeded' }
  | { readonly outcome: 'failed'; readonly reason: string };

/** How a thread is run. */
export interface DeadlineWorkerOptions {
  /**
   * The module the thread runs, without its ending. It posts one message when it is ready, then one answer to each
   * message. Tests run it from source, by Node itself, which is why it imports its neighbours by `.ts`.
   */
  readonly module: URL;
  /**
   * What one question may take of a processor; waiting for its turn does not count. A machine with more to do than it
   * can is no reason to refuse a question.
   */
  readonly cpuMs: number;
}

/** After this long without a question the thread ends, and its memory is free. */
const IDLE_MS = 30_000;
/** What the thread may hold. */
export const HEAP_MB = 256;
const LOOK_MS = 200;
/** However busy the machine is. */
const LONGEST_MS = 60_000;

/**
 * Runs work whose time an input decides in a thread of its own, one question at a time: it can be ended there, and
 * everything else goes on meanwhile. One pattern, or one line of YAML, can take hours.
 */
export class DeadlineWorker<Question, Answer> {
  private worker: Promise<Worker> | undefined;
  private turn: Promise<unknown> = Promise.resolve();
  private idle: NodeJS.Timeout | undefined;
  private open = 0;

  constructor(private readonly options: DeadlineWorkerOptions) {}

  /** How many questions are not answered yet. */
  get waiting(): number {
    return this.open;
  }

  /** Asks when those before have been answered; never rejects for what the question is. */
  ask(question: Question): Promise<DeadlineAnswer<Answer>> {
    this.open += 1;
    const answer = this.turn
      .then(() => this.askNow(question))
      .finally(() => {
        this.open -= 1;
      });
    this.turn = answer.catch(() => undefined);
    return answer;
  }

  /** Ends the thread, whatever it is doing; the next question starts another. */
  async end(): Promise<void> {
    clearTimeout(this.idle);
    const worker = this.worker;
    this.worker = undefined;
    await (await worker?.catch(() => undefined))?.terminate();
  }

  private running(): Promise<Worker> {
    if (this.worker) return this.worker;
    const starting = start(this.options.module);
    this.worker = starting;
    const forget = (): void => {
      if (this.worker === starting) this.worker = undefined;
    };
    starting.then((worker) => worker.once('exit', forget), forget);
    return starting;
  }

  private async askNow(question: Question): Promise<DeadlineAnswer<Answer>> {
    clearTimeout(this.idle);
    try {
      const worker = await this.running();
      const answer = await answerOf<Answer>(worker, question, this.options.cpuMs);
      if (answer.outcome === 'exceeded') await this.end();
      else this.idle = setTimeout(() => void this.end(), IDLE_MS).unref();
      return answer;
    } catch (error) {
      await this.end();
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ERR_WORKER_OUT_OF_MEMORY') return { outcome: 'exceeded' };
      return { outcome: 'failed', reason: message };
    }
  }
}

/** Ready for its first question. */
async function start(module: URL): Promise<Worker> {
  const ending = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const worker = new Worker(new URL(`${module.href}${ending}`), {
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: 16 },
  });
  await once(worker, 'message');
  // Between questions the thread does not keep the process alive, and a fault then concerns no question.
  worker.on('error', () => undefined);
  worker.unref();
  return worker;
}

function answerOf<Answer>(worker: Worker, question: unknown, cpuMs: number): Promise<DeadlineAnswer<Answer>> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      clearInterval(look);
      worker.off('message', answered).off('error', failed).off('exit', ended);
      worker.unref();
      act();
    };
    const answered = (answer: Answer): void => settle(() => resolve({ outcome: 'answered', answer }));
    const failed = (error: Error): void => settle(() => reject(error));
    const ended = (): void => settle(() => reject(new Error('the thread ended')));
    const [since, cpu] = [performance.now(), process.cpuUsage()];
    // The whole process is measured: what else it does only makes the deadline earlier.
    const look = setInterval(() => {
      const { user, system } = process.cpuUsage(cpu);
      const isOver = (user + system) / 1000 > cpuMs || performance.now() - since > LONGEST_MS;
      if (isOver && performance.now() - since > cpuMs) settle(() => resolve({ outcome: 'exceeded' }));
    }, LOOK_MS);
    worker.on('message', answered).on('error', failed).on('exit', ended);
    worker.ref();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    worker.postMessage(question);
  });
}
