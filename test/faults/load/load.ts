import { CLIENTS } from '../../support/clients.js';
import { Ledger } from './ledger.js';
import { Worker } from './worker.js';

const WORKERS_OF_A_KIND = 2;
const RUNS_AT_ONCE = 4;

/** Clients of both eras that work without pause, and what they received. */
export class Load {
  readonly ledger = new Ledger();
  private readonly workers: readonly Worker[];
  private readonly work: Promise<unknown>;

  private constructor(endpoint: string) {
    // A library each, as people use them; a client written for tests has no errors to learn from.
    const kinds = CLIENTS.filter(({ name }) => name !== 'raw HTTP');
    const twice = Array.from({ length: WORKERS_OF_A_KIND }, () => kinds).flat();
    this.workers = twice.map((kind) => new Worker(kind, endpoint, this.ledger));
    this.work = Promise.all(this.workers.map((worker) => worker.work()));
    this.work.catch(() => undefined);
  }

  /** Starts it; resolves when every client is connected and there are tasks. */
  static async start(endpoint: string): Promise<Load> {
    const load = new Load(endpoint);
    await Promise.all(load.workers.map((worker) => worker.connected()));
    return load;
  }

  /** Submits many runs at once, beside the steady load. */
  burst(): Promise<string | undefined>[] {
    return this.workers.flatMap((worker) => Array.from({ length: RUNS_AT_ONCE }, () => worker.run()));
  }

  /** Lets every client finish what it is doing. */
  async stop(): Promise<Ledger> {
    for (const worker of this.workers) worker.stop();
    await this.work;
    return this.ledger;
  }
}
