import { once } from 'node:events';
import type { ServerHttp2Stream } from 'node:http2';
import { PassThrough, type Readable } from 'node:stream';

import { Logger } from '@nestjs/common';
import { z } from 'zod';

import { errorText } from '../../config/index.js';
import { readLines } from '../../tunnel/index.js';
import type { Execution, ExecutionEnd } from '../execution.js';
import type { ContainerStep, Executor } from '../runs/executor.js';
import { RunFailure } from '../runs/run-result.js';

const logger = new Logger('Kubernetes');

/**
 * POST to the agent in a pod: lines by which the agent that made the Job tells it about the container of the step. Both
 * are of one version of cyberun-mcp; the runtime does not know them.
 */
export const MAIN_PATH = '/main';
/** Header of the response: the position in the log up to which its output has been told. */
export const TOLD_HEADER = 'cyberun-told';

const mainReport = z.discriminatedUnion('type', [
  /** More of what the container writes, as far as its log can be read; `time` is the position behind it. */
  z.object({ type: z.literal('output'), text: z.string(), time: z.string() }),
  /** The container has ended, and all of its output has been sent that could be read. */
  z.object({
    type: z.literal('ended'),
    exit_code: z.number().int().optional(),
    reason: z.string().optional(),
  }),
  /** The container has ended without having run. */
  z.object({ type: z.literal('unstartable'), reason: z.string() }),
]);
export type MainReport = z.infer<typeof mainReport>;

/**
 * The container of a step, as the agent beside it has it, which sees nothing of its processes. Output, progress and failures
 * are then those of any other program. Kubernetes keeps one log for both streams of a container.
 */
export class MainExecution implements Execution, Executor<ContainerStep> {
  readonly progress = new PassThrough();
  private readonly output = new PassThrough();
  private readonly ending = Promise.withResolvers<ExecutionEnd>();
  private stream: ServerHttp2Stream | undefined;
  private told = '';
  private isOver = false;

  constructor() {
    this.ending.promise.catch(() => undefined);
  }

  get streams(): readonly Readable[] {
    return [this.output];
  }
  get exited(): Promise<ExecutionEnd> {
    return this.ending.promise;
  }

  /** Kubernetes starts the container, together with this agent. */
  start(step: ContainerStep): Promise<Execution> {
    const exited = this.exited.catch((error: Error) => {
      throw new RunFailure(`Step ${step.name} cannot start: ${error.message}.`);
    });
    exited.catch(() => undefined);
    const { streams, progress } = this;
    return Promise.resolve({ streams, progress, exited, end: () => this.end() });
  }

  /** Takes a line of progress that the step has sent beside its output. */
  report(line: string): void {
    if (!this.isOver) this.progress.write(`${line}\n`);
  }

  /** Takes the reports of a stream from now on. */
  async serve(stream: ServerHttp2Stream): Promise<void> {
    this.stream?.close();
    this.stream = stream;
    stream.respond({ ':status': 200, [TOLD_HEADER]: this.told });
    try {
      for await (const line of readLines(stream)) {
        if (this.stream !== stream) return;
        await this.tell(mainReport.parse(line));
      }
    } catch (error) {
      logger.debug(`the reports about the container of the step have ended: ${errorText(error)}`);
    }
    if (!stream.destroyed) stream.end();
  }

  /** Resolves when there is room for more. What comes after the end is left out. */
  async tell(report: MainReport): Promise<void> {
    if (this.isOver) return;
    if (report.type === 'ended') this.conclude({ exitCode: report.exit_code, reason: report.reason });
    else if (report.type === 'unstartable') this.conclude(new Error(report.reason));
    else await this.write(report);
  }

  /** Only the end of the pod ends a container that goes on, which is the task of the agent that made its Job. */
  end(): Promise<void> {
    this.conclude({ exitCode: undefined, reason: 'its agent' });
    return Promise.resolve();
  }

  private async write({ text, time }: Extract<MainReport, { type: 'output' }>): Promise<void> {
    this.told = time;
    if (this.output.write(text)) return;
    const over = new AbortController();
    const { signal } = over;
    const events = ['drain', 'close'].map((name) => once(this.output, name, { signal }));
    await Promise.race(events).finally(() => over.abort());
    await Promise.allSettled(events);
  }

  private conclude(end: ExecutionEnd | Error): void {
    if (this.isOver) return;
    this.isOver = true;
    this.output.end();
    this.progress.end();
    if (end instanceof Error) this.ending.reject(end);
    else this.ending.resolve(end);
  }
}
