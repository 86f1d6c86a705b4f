import { ZodError } from 'zod';

import { isNestedDeeper, OUTPUT_DEPTH_LIMIT, type RunReport } from '../../contract/index.js';
import { InvalidLine } from '../../tunnel/index.js';
import { BundleRejected } from '../bundles/index.js';
import { RunRejected } from './run-outputs.js';

const FAILURE_LIMIT = 16_384;
const FAILURE_BEGINNING = 1024;

/** How a run has ended. */
export type RunEnd = Extract<RunReport, { type: 'completed' | 'failed' | 'returned' }>;

/** An input file is gone; a retry may find it again. */
export class InputMissing extends Error {
  override readonly name = 'InputMissing';
}

const FINAL_ERRORS = [BundleRejected, InputMissing, InvalidLine, RunRejected, ZodError];

export const isFinal = (error: unknown): boolean => FINAL_ERRORS.some((kind) => error instanceof kind);

/** What becomes of a run that the gateway ends. */
export function failedRunEnd(agentId: string, error: unknown): RunEnd {
  const { message } = error as Error;
  if (error instanceof InputMissing) return { type: 'failed', error: message };
  if (error instanceof BundleRejected) return { type: 'failed', error: `Agent ${agentId}: ${message}.` };
  if (error instanceof RunRejected) return { type: 'failed', error: message, is_final: true };
  const sentence = `Agent ${agentId} reported this run in a way that the runtime cannot read. Use the same version of cyberun-mcp for both; see the log of the server.`;
  return { type: 'failed', error: sentence, is_final: true };
}

/** @throws {RunRejected} when the result is nested too deeply for other programs. */
export function checked(report: Extract<RunReport, { type: 'completed' }>): RunEnd {
  if (!isNestedDeeper(report.output, OUTPUT_DEPTH_LIMIT)) return report;
  throw new RunRejected(
    `The result of the run is nested more than ${OUTPUT_DEPTH_LIMIT} levels deep. Write it to a file in output/ instead.`,
  );
}

/** Its beginning and its end, if it is long. */
export function shortened(error: string): string {
  if (error.length <= FAILURE_LIMIT) return error;
  return `${error.slice(0, FAILURE_BEGINNING)}\n…\n${error.slice(FAILURE_BEGINNING - FAILURE_LIMIT)}`;
}
