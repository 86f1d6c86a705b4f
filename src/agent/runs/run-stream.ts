import type { ServerHttp2Stream } from 'node:http2';

import type { AgentHello, RunCommand, RunReport } from '../../contract/index.js';
import { writeLine } from '../../tunnel/index.js';

/** A run of a task, as an agent names it in its hello. */
export type RunName = AgentHello['runs'][number];

/** What a runtime offers for a run. */
export interface RunTerms {
  /** How long the run goes on without a stream; 0 is an older runtime, which does not attach again and settles nothing. */
  readonly holdSeconds: number;
  /** How much of the log is kept; 0 is an older runtime, which takes none. */
  readonly logBytes: number;
}

/** The terms in the first line of a stream; an older runtime offers nothing. */
export function termsOf(first: RunCommand): RunTerms {
  if (first.type !== 'order' && first.type !== 'attach') return { holdSeconds: 0, logBytes: 0 };
  return { holdSeconds: first.hold_seconds ?? 0, logBytes: first.log_bytes ?? 0 };
}

/** Reports that the order is not understood; without a report the runtime would repeat the order. */
export function refuseOrder(stream: ServerHttp2Stream): Promise<void> {
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
