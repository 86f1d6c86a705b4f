import { once } from 'node:events';
import { type MessagePort, Worker } from 'node:worker_threads';

/** The result of a request: an answer, limits of time or memory exceeded, or a failure of the thread. */
export type DeadlineAnswer<Answer> =
  | { readonly outcome: 'answered'; readonly answer: Answer }
  | { readonly outcome: 'exceeded' }
  | { readonly outcome: 'failed'; readonly reason: string };

export interface DeadlineWorkerOptions {
  /**
   * The module of the thread, without its extension. It posts one message when it is ready, then one answer to each
   * message. Tests run it from source with Node's type stripping, so it imports other modules by `.ts`.
   */
  readonly module: URL;
  /**
   * CPU time limit of one request; time in the queue does not count. CPU time rather than wall time, so that an overloaded
   * machine does not fail requests.
   */
  readonly cpuMs: number;
}

/** Idle time after which the thread ends, to free its memory. */
const IDLE_MS = 30_000;
/** Heap limit of the thread. */
export const HEAP_MB = 256;
const POLL_MS = 200;
/** Wall time limit, on any machine. */
const LONGEST_MS = 60_000;

/**
 * Runs work whose duration depends on untrusted input in a worker thread, one request at a time, so that it can be
 * terminated and does not block the process. One pattern, or one line of YAML, can take hours.
 */
export class DeadlineWorker<Question, Answer> {
  private worker: Promise<Worker> | undefined;
  private turn: Promise<unknown> = Promise.resolve();
  private idle: NodeJS.Timeout | undefined;
  private open = 0;

  private readonly options: DeadlineWorkerOptions;

  constructor(options: DeadlineWorkerOptions) {
    this.options = options;
  }

  /** Number of unanswered requests. */
  get waiting(): number {
    return this.open;
  }

  /** Queues a request; does not reject because of its content. */
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

  /** Terminates the thread; the next request starts another. */
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

/** Starts the thread; resolves when it is ready. */
async function start(module: URL): Promise<Worker> {
  const ending = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const worker = new Worker(new URL(`${module.href}${ending}`), {
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: 16 },
  });
  await once(worker, 'message');
  // Between requests the thread does not keep the process alive, and errors are ignored.
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
    // Measures the whole process: its other work only makes the deadline earlier.
    const look = setInterval(() => {
      const { user, system } = process.cpuUsage(cpu);
      const isOver = (user + system) / 1000 > cpuMs || performance.now() - since > LONGEST_MS;
      if (isOver && performance.now() - since > cpuMs) settle(() => resolve({ outcome: 'exceeded' }));
    }, POLL_MS);
    worker.on('message', answered).on('error', failed).on('exit', ended);
    worker.ref();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    worker.postMessage(question);
  });
}

/** For the module of the thread: posts that it is ready, then one answer to each question. */
export function answerQuestions(port: MessagePort | null, answerTo: (question: never) => unknown): void {
  const post = (answer: unknown): void => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    port?.postMessage(answer);
  };
  port?.on('message', (question) => post(answerTo(question as never)));
  post('ready');
}
