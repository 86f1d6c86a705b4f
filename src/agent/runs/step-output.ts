import { totalmem } from 'node:os';
import type { Readable } from 'node:stream';

import type { Execution, ExecutionEnd } from '../execution.js';
import { LogTail, onLines } from '../processes/process-output.js';
import { SecretMask } from '../processes/secret-mask.js';
import type { ProgramStep, StepContext } from './executor.js';
import { progressOf } from './progress.js';
import { asText, referenceIn, resolve } from './references.js';
import { RunFailure } from './run-result.js';

/** In the order of the streams of an execution; the only one is both. */
const STREAMS = ['stdout', 'stderr'] as const;
type Stream = (typeof STREAMS)[number];

/** Last lines of stdout in an error, beside those of stderr. */
const OUTPUT_LINES = 10;

/** What the program of a step writes: forwards its progress, collects its log, and tells why it failed. */
export class StepOutput {
  private readonly tails = { stdout: new LogTail(), stderr: new LogTail() };
  private readonly streams: readonly Readable[];

  constructor(
    private readonly step: ProgramStep,
    private readonly context: StepContext,
    { streams, progress }: Pick<Execution, 'streams' | 'progress'>,
  ) {
    this.streams = streams;
    const mask = maskOf(step, context);
    const overwritten = (text: string): void => void this.isProgress(text);
    if (progress) onLines(progress, { line: overwritten, overwritten }, mask);
    for (const [index, stream] of streams.entries()) {
      const name = STREAMS[index] ?? 'stdout';
      onLines(stream, { line: (text) => this.take(name, text), overwritten }, mask);
    }
  }

  /** The line that tells most comes first, then which step failed and how, then what it wrote last. */
  failure(end: ExecutionEnd): RunFailure {
    const how =
      end.exitCode === undefined
        ? `was ended by ${end.reason ?? 'the system'}`
        : `ended with exit code ${end.exitCode}${end.reason === undefined ? '' : ` (${end.reason})`}`;
    const { errors } = this;
    const cause = causeIn(errors);
    const silence = cause === undefined ? ` and wrote nothing${this.isMixed ? '' : ' to stderr'}` : '';
    const sentence = `Step ${this.step.name} ${how}${silence}.${hintOn(this.step, end)}`;
    const lines = [cause ?? [], sentence, this.lastLines(errors.length === 1 ? [] : errors)];
    return new RunFailure(lines.flat().join('\n'));
  }

  /** As the failure that stopped the step, with what it wrote last. */
  stopped({ message }: RunFailure): RunFailure {
    return new RunFailure([message, ...this.lastLines(this.errors)].join('\n'));
  }

  /** Whether both streams of the program come as one. */
  private get isMixed(): boolean {
    return this.streams.length === 1;
  }

  /** What the program may have written about its failure. */
  private get errors(): readonly string[] {
    return this.isMixed ? this.tails.stdout.last : this.tails.stderr.last;
  }

  /** The last lines of both streams; some programs write their errors to stdout. */
  private lastLines(errors: readonly string[]): string[] {
    if (this.isMixed) return titled('output', errors);
    const output = this.tails.stdout.last.slice(this.tails.stderr.last.length > 0 ? -OUTPUT_LINES : 0);
    return [...titled('stderr', errors), ...titled('stdout', output)];
  }

  private take(stream: Stream, text: string): void {
    if (this.isProgress(text)) return;
    this.tails[stream].add(text);
    this.context.log.add(this.step.name, stream, text);
  }

  private isProgress(text: string): boolean {
    const report = progressOf(text, this.step.name);
    if (report) this.context.progress(report);
    return report !== undefined;
  }
}

const titled = (stream: Stream | 'output', lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [`The end of its ${stream}:`, ...lines];

/** Names of variables whose values are secrets, also when a parameter gives them. */
const SECRET_NAME = /key|token|secret|passw|pwd|credential|auth/i;

/**
 * The values that the definition itself gives to the environment are masked. Those of parameters are shown with the task
 * anyway, and are masked only where the name of the variable says that they are secret.
 */
function maskOf({ environment }: ProgramStep, { parameters }: StepContext): SecretMask {
  const secret = Object.entries(environment).filter(
    ([name, value]) => referenceIn(value) === undefined || SECRET_NAME.test(name),
  );
  return SecretMask.of(secret.map(([, value]) => asText(resolve(value, parameters))));
}

/** What programs write behind the cause: frames of a stack, marks under code, versions, hints how to see more. */
const BEHIND_THE_CAUSE =
  /^\s|^$|^[\^~{}[\]().,;-]+$|^Node\.js v\d|^note: run with|^exit status \d+$|^goroutine \d|^[\w./*-]+\.[\w.()*]+\(.*\)$/;

/** The last line that is not a detail of the one before it. */
function causeIn(lines: readonly string[]): string | undefined {
  return lines.findLast((line) => !BEHIND_THE_CAUSE.test(line)) ?? lines.at(-1);
}

function hintOn(step: ProgramStep, { exitCode, reason }: ExecutionEnd): string {
  // The exit code of a shell that cannot find the program.
  if (exitCode === 127 && step.kind === 'script' && step.language === 'python')
    return ' If its agent has no python3 on the PATH, install it there, or use language: js.';
  // 128 and the number of the signal: a shell reports so how its child ended.
  if (reason === 'SIGKILL' || (exitCode === 137 && reason === undefined))
    return ` Something outside of the run has killed it; most often ${memoryThatEnded()} was used up.`;
  return '';
}

/** Of a container with a limit the kernel kills the largest process, which is the step and not its agent. */
function memoryThatEnded(): string {
  const limit = process.constrainedMemory();
  const isLimited = limit > 0 && limit < totalmem();
  return isLimited
    ? `the memory that its container may have (${Math.round(limit / 2 ** 20)} MiB)`
    : 'the memory of the machine';
}
