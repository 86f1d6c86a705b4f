/** The error that a client got instead of an answer. */
export interface Told {
  readonly revision: string;
  readonly doing: 'read' | 'run' | 'follow' | 'connect';
  readonly message: string;
}

/** A submission that got no task id. */
export interface Unanswered extends Told {
  readonly value: number;
}

/** Everything clients did and received in one scenario. */
export class Ledger {
  private static lastValue = 0;
  requests = 0;
  sessionsLost = 0;
  /** The largest number of repetitions of a call that only reads. */
  mostRetries = 0;
  retries = 0;
  readonly errors: Told[] = [];
  readonly attempted = new Set<number>();
  /** Values by the tasks that were accepted for them. */
  readonly accepted = new Map<string, number>();
  readonly unanswered: Unanswered[] = [];

  /** A value no other submission has, and that its square identifies. */
  nextValue(): number {
    const value = ++Ledger.lastValue;
    this.attempted.add(value);
    return value;
  }

  retried(times: number): void {
    this.retries += times;
    this.mostRetries = Math.max(this.mostRetries, times);
  }

  /** How often each kind of error was met. */
  get kinds(): Record<string, number> {
    const kinds: Record<string, number> = {};
    for (const { revision, doing, message } of this.errors) {
      const [, told = message] = /"message":"([^"]*)"/.exec(message) ?? [];
      const kind = `${revision} ${doing}: ${told.slice(0, 80)}`;
      kinds[kind] = (kinds[kind] ?? 0) + 1;
    }
    return kinds;
  }

  errorsOf(isMeant: (told: Told) => boolean): Told[] {
    return this.errors.filter(isMeant);
  }
}
