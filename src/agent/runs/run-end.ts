import { Logger } from '@nestjs/common';

import { errorText } from '../../config/index.js';
import type { EndReport, RunReport } from '../../contract/index.js';
import { RunFailure } from './run-result.js';

const logger = new Logger('Agent');

/** Abort reason of a run that was cancelled, or whose runtime stayed away. */
export class RunStopped extends Error {}
/** Another process goes on with the run. */
export class RunHandedOver extends Error {}
/** Abort reason of a run that is given back, because the agent ends. */
export class RunReturned extends Error {}

export type Reported<Type extends RunReport['type']> = Extract<RunReport, { type: Type }>;

/** How a run ends; `undefined` when it was stopped or handed over, which is not reported. */
export type End = EndReport | Reported<'returned'> | undefined;

/** Whether the run itself has ended; otherwise it was stopped or given back before. */
export const isReport = (end: End): end is EndReport => end !== undefined && end.type !== 'returned';

/** The end of a run that rejected with this error, or was aborted for this reason. */
export function endOf(error: unknown, task_id: string): End {
  if (error instanceof RunStopped || error instanceof RunHandedOver) return undefined;
  if (error instanceof RunReturned) return { type: 'returned' };
  if (!(error instanceof RunFailure)) logger.error({ message: 'a run failed unexpectedly', task_id, error });
  const is_final = error instanceof RunFailure && error.isFinal;
  return { type: 'failed', error: sentenceOf(error), is_final };
}

/** The reason of a system error without paths of this machine; the agent's log has the details. */
function sentenceOf(error: unknown): string {
  if (error instanceof RunFailure) return error.message;
  const { code } = error as NodeJS.ErrnoException;
  const [reason] = code === undefined ? [] : errorText(error).split(',');
  return reason === undefined
    ? 'The agent could not execute the run because of an internal error; see its log.'
    : `The agent could not execute the run: ${reason}. See its log.`;
}
