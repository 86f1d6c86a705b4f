import type { ServerHttp2Stream } from 'node:http2';

import type { RunCommand, RunReport } from '../../contract/index.js';
import { writeLine } from '../../tunnel/index.js';
import type { End } from '../runs/run-end.js';
import { followCommands, type RunTerms, type RuntimeStream } from '../runs/run-stream.js';

/** Between two reports why a run waits, each of which is an event of its task. */
const WAIT_PACE_MS = 5000;
const PREPARING = 'its pod is being prepared';

/** What a run receives from its runtime. */
interface RuntimeLinkOptions {
  /** How long the run goes on without the runtime, as long as this has not said so itself. */
  readonly holdSeconds: number;
  readonly attached: () => void;
  readonly detached: () => void;
  readonly commanded: (command: RunCommand) => void;
  /** The runtime has stayed away for too long, or is an older one, which does not attach again. */
  readonly abandoned: () => void;
}

/** The stream of a run to the runtime, over any number of connections. It keeps the last report for the next one. */
export class RuntimeLink {
  private stream: ServerHttp2Stream | undefined;
  private agreed: RunTerms;
  private alone: NodeJS.Timeout | undefined;
  private last: Exclude<End, undefined> | undefined;
  private hasStarted = false;
  private wait: { readonly reason: string; readonly at: number } | undefined;
  private isLeft = false;

  constructor(private readonly options: RuntimeLinkOptions) {
    this.agreed = { holdSeconds: options.holdSeconds, logBytes: 0, takesWaits: false };
  }

  get terms(): RunTerms {
    return this.agreed;
  }
  get isAttached(): boolean {
    return this.stream !== undefined;
  }
  /** Whether the last report has been made, which the runtime may not have yet. */
  get isConcluded(): boolean {
    return this.last !== undefined;
  }

  /** Passes reports to this stream from now on, beginning with what still matters. */
  attach({ stream, commands, terms }: RuntimeStream): void {
    clearTimeout(this.alone);
    const former = this.stream;
    this.stream = stream;
    this.agreed = terms;
    former?.close();
    if (stream.destroyed) return this.detach(stream);
    stream.once('close', () => this.detach(stream));
    stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' });
    void this.follow(stream, commands);
    if (this.last) void this.repeatLast(stream, this.last);
    else this.options.attached();
  }

  async report(report: RunReport): Promise<void> {
    if (report.type === 'started') this.hasStarted = true;
    if (report.type === 'completed' || report.type === 'failed' || report.type === 'returned')
      this.last = report;
    if (this.stream) await writeLine(this.stream, report);
  }

  /**
   * Reports why the run has not started yet, when that has changed. What comes too soon is left out: the pod is looked at again.
   *
   * @param reason `undefined`: there is none any more, and none is reported that never was.
   */
  reportWait(reason: string | undefined): void {
    const told = reason ?? (this.wait && PREPARING);
    if (!this.stream || !this.agreed.takesWaits || this.hasStarted) return;
    if (told === undefined || told === this.wait?.reason) return;
    if (this.wait && performance.now() - this.wait.at < WAIT_PACE_MS) return;
    this.wait = { reason: told, at: performance.now() };
    void this.report({ type: 'waiting', reason: told });
  }

  /** Waits for the runtime to attach, as long as the run is held for it. */
  waitAlone(): void {
    this.alone = setTimeout(this.options.abandoned, this.agreed.holdSeconds * 1000);
  }

  /** Neither waits for the runtime any more nor says so when it goes. */
  leave(): void {
    this.isLeft = true;
    clearTimeout(this.alone);
  }

  /** Ends the stream behind what was written. */
  end(): void {
    const { stream } = this;
    stream?.end(() => stream.close());
  }

  private async follow(stream: ServerHttp2Stream, commands: AsyncGenerator): Promise<void> {
    await followCommands(commands, () => this.stream === stream, this.options.commanded);
    if (this.agreed.holdSeconds === 0 && this.stream === stream) this.options.abandoned();
  }

  private detach(stream: ServerHttp2Stream): void {
    if (this.stream !== stream) return;
    this.stream = undefined;
    this.options.detached();
    if (this.isLeft) return;
    if (this.agreed.holdSeconds === 0) this.options.abandoned();
    else this.waitAlone();
  }

  private async repeatLast(stream: ServerHttp2Stream, last: RunReport): Promise<void> {
    if (this.hasStarted || last.type === 'completed') await writeLine(stream, { type: 'started' });
    await writeLine(stream, last);
  }
}
