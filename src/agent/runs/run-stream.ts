import type { ServerHttp2Stream } from 'node:http2';

import { Logger } from '@nestjs/common';

import { errorText } from '../../config/index.js';
import {
  type AgentHello,
  runCommand,
  type RunCommand,
  type RunOrder,
  type RunReport,
} from '../../contract/index.js';
import { readLines, writeLine } from '../../tunnel/index.js';

const logger = new Logger('Agent');

/** A run of a task, as an agent names it in its hello. */
export type RunName = AgentHello['runs'][number];

/** What a runtime offers for a run. */
export interface RunTerms {
  /** How long the run goes on without a stream; 0 is an older runtime, which does not attach again and settles nothing. */
  readonly holdSeconds: number;
  /** How much of the log is kept; 0 is an older runtime, which takes none. */
  readonly logBytes: number;
  /** Whether it takes the reason why a run has not started yet. */
  readonly takesWaits: boolean;
}

/** The terms in the first line of a stream; an older runtime offers nothing. */
function termsOf(first: RunCommand): RunTerms {
  if (first.type !== 'order' && first.type !== 'attach') return OLDEST;
  const { hold_seconds: holdSeconds = 0, log_bytes: logBytes = 0, takes_waits: takesWaits = false } = first;
  return { holdSeconds, logBytes, takesWaits };
}

const OLDEST: RunTerms = { holdSeconds: 0, logBytes: 0, takesWaits: false };

/** A stream of the runtime for one run, behind its first line. */
export interface RuntimeStream {
  readonly stream: ServerHttp2Stream;
  readonly commands: AsyncGenerator;
  readonly terms: RunTerms;
}

/** Serves a stream of the tunnel, which begins with an order, or attaches to a run that goes on. */
export async function serveRuns(
  stream: ServerHttp2Stream,
  runs: {
    readonly begin: (order: RunOrder, given: RuntimeStream) => Promise<void>;
    /** `undefined`: the agent does not have it any more. */
    readonly find: (name: RunName) => { attach(given: RuntimeStream): void } | undefined;
  },
): Promise<void> {
  const commands = readLines(stream);
  try {
    const first = runCommand.parse((await commands.next()).value);
    const given = { stream, commands, terms: termsOf(first) };
    if (first.type === 'order') return await runs.begin(first.order, given);
    if (first.type !== 'attach') throw new Error(`the first line is ${first.type}, not order or attach`);
    const run = runs.find(first);
    if (run) run.attach(given);
    else stream.respond({ ':status': 404 }, { endStream: true });
  } catch (error) {
    logger.warn({ message: 'a run order could not be served', error });
    await refuseOrder(stream);
  }
}

/** Obeys the commands of a stream, as long as it is the current one of its run. Resolves when they have ended. */
export async function followCommands(
  commands: AsyncGenerator,
  isCurrent: () => boolean,
  obey: (command: RunCommand) => void,
): Promise<void> {
  try {
    for await (const line of commands) {
      // What a former runtime still sent does not count.
      if (!isCurrent()) return;
      obey(runCommand.parse(line));
    }
  } catch (error) {
    logger.debug(`the commands for a run have ended: ${errorText(error)}`);
  }
}

/** Reports that the order is not understood; without a report the runtime would repeat the order. */
function refuseOrder(stream: ServerHttp2Stream): Promise<void> {
  const error =
    'The agent cannot read the order of the runtime. Use the same version of cyberun-mcp for both; see the log of the agent.';
  return answerOrder(stream, { type: 'failed', error, is_final: true });
}

/** Answers an order that is not begun. */
export async function answerOrder(stream: ServerHttp2Stream, report: RunReport): Promise<void> {
  if (stream.destroyed) return;
  if (!stream.headersSent) stream.respond({ ':status': 200 });
  await writeLine(stream, report);
  stream.end();
  stream.close();
}
