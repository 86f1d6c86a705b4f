import type { ServerHttp2Stream } from 'node:http2';

import { Logger } from '@nestjs/common';

import { runCommand, type RunOrder, type RunReport } from '../../contract/index.js';
import { readLines, writeLine } from '../../tunnel/index.js';
import { LogTail } from '../processes/process-output.js';
import { executeRun, type RunOutcome, type RunContext } from './execute-run.js';
import { ProgressThrottle } from './progress.js';
import { RunFailure } from './run-result.js';
import type { Upload } from './transfers.js';

const logger = new Logger('Agent');

/** Abort reason of a run that was cancelled or lost its connection. */
class RunStopped extends Error {}

/** One run: reads the order from a stream of the tunnel, executes it and sends the reports. */
export class RunStream {
  private readonly stop = new AbortController();
  private readonly log = new LogTail();
  /** The latest request for upload links; a run requests links several times in sequence. */
  private links = Promise.withResolvers<readonly Upload[]>();

  constructor(
    private readonly stream: ServerHttp2Stream,
    private readonly agent: Pick<RunContext, 'workDir' | 'groups' | 'bundles'>,
  ) {
    stream.once('close', () => this.end());
    this.stop.signal.addEventListener('abort', () => {
      this.links.promise.catch(() => undefined);
      this.links.reject(this.stop.signal.reason);
    });
  }

  /** Resolves when the run and all its processes have ended. */
  async serve(): Promise<void> {
    const commands = readLines(this.stream);
    try {
      const first = runCommand.parse((await commands.next()).value);
      if (first.type !== 'order') throw new Error(`the first line is ${first.type}, not order`);
      this.stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' });
      void this.follow(commands);
      await this.run(first.order);
    } catch (error) {
      logger.warn({ message: 'a run order could not be served', error });
      await this.refuse();
    }
    this.stream.close();
  }

  /** Reports that the order is not understood; without a report the runtime would repeat the order. */
  private async refuse(): Promise<void> {
    if (this.stream.destroyed || this.stop.signal.aborted) return;
    if (!this.stream.headersSent) this.stream.respond({ ':status': 200 });
    const error =
      'The agent cannot read the order of the runtime. Use the same version of cyberun-mcp for both; see the log of the agent.';
    await this.report({ type: 'failed', error, is_final: true });
    this.stream.end();
  }

  /** Ends the run without a report; the runtime then repeats the order. */
  end(): void {
    this.stop.abort(new RunStopped('the run was stopped'));
  }

  private async run(order: RunOrder): Promise<void> {
    await this.report({ type: 'started' });
    const timer = this.startTimer(order.timeout_seconds);
    const progress = new ProgressThrottle((report) => void this.report({ type: 'progress', ...report }));
    try {
      const outcome = await executeRun(order, {
        ...this.agent,
        log: this.log,
        progress: (report) => progress.add(report),
        uploads: (files) => this.askForLinks([...files]),
        signal: this.stop.signal,
      });
      progress.flush();
      const { output, files, warnings } = outcome;
      const log = this.log.text();
      await this.report({ type: 'completed', output, files: [...files], warnings: [...warnings], log });
      this.stream.end();
    } catch (error) {
      progress.flush();
      await this.fail(order, this.stop.signal.aborted ? this.stop.signal.reason : error);
    } finally {
      clearTimeout(timer);
    }
  }

  private async follow(commands: AsyncGenerator): Promise<void> {
    try {
      for await (const line of commands) {
        const command = runCommand.parse(line);
        if (command.type === 'uploads') this.links.resolve(command.uploads);
        if (command.type === 'cancel') this.end();
      }
    } catch {
      // The stream was closed or broken; either ends the run.
    }
    this.end();
  }

  private async askForLinks(files: RunOutcome['files']): Promise<readonly Upload[]> {
    this.links = Promise.withResolvers();
    this.stop.signal.throwIfAborted();
    await this.report({ type: 'outputs', files: [...files] });
    return this.links.promise;
  }

  private startTimer(seconds: number): NodeJS.Timeout | undefined {
    if (seconds === 0) return undefined;
    const sentence = `The run took longer than its limit of ${seconds} s and was stopped.`;
    // 2^31-1 ms (24 days) is the longest timer.
    return setTimeout(() => this.stop.abort(new RunFailure(sentence)), Math.min(seconds * 1000, 2 ** 31 - 1));
  }

  private async fail({ task_id }: RunOrder, error: unknown): Promise<void> {
    if (error instanceof RunStopped) return;
    if (!(error instanceof RunFailure))
      logger.error({ message: 'a run failed unexpectedly', task_id, error });
    const is_final = error instanceof RunFailure && error.isFinal;
    await this.report({ type: 'failed', error: sentenceOf(error), log: this.log.text(), is_final });
    this.stream.end();
  }

  private report(report: RunReport): Promise<void> {
    return writeLine(this.stream, report);
  }
}

/** The reason of a system error without paths of this machine; the agent's log has the details. */
function sentenceOf(error: unknown): string {
  if (error instanceof RunFailure) return error.message;
  const { code, message } = error as NodeJS.ErrnoException;
  const [reason] = code === undefined ? [] : message.split(',');
  return reason === undefined
    ? 'The agent could not execute the run because of an internal error; see its log.'
    : `The agent could not execute the run: ${reason}. See its log.`;
}
