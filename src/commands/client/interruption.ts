const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/** What a signal aborts with. */
export class Interrupted extends Error {
  override readonly name = 'AbortError';

  constructor(readonly exitCode: number) {
    super('interrupted');
  }
}

/** An abort signal for Ctrl-C and SIGTERM; at a second one Node ends the process as usual. */
export class Interruption implements Disposable {
  private readonly controller = new AbortController();
  private readonly listeners = Object.entries(SIGNALS).map(([name, exitCode]) => {
    const listener = (): void => {
      this[Symbol.dispose]();
      this.controller.abort(new Interrupted(exitCode));
    };
    process.once(name, listener);
    return [name, listener] as const;
  });

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** How the process ends, once a signal has arrived. */
  get exitCode(): number | undefined {
    const reason: unknown = this.signal.reason;
    return reason instanceof Interrupted ? reason.exitCode : undefined;
  }

  [Symbol.dispose](): void {
    for (const [name, listener] of this.listeners) process.off(name, listener);
  }
}
