import type { RunAccepted, Workflow } from '../../contract/index.js';
import { answerIn, canAsk, question, type ToolContext, ToolError } from '../../mcp/index.js';
import { UpstreamError } from '../../upstream/index.js';
import { brief } from '../concise.js';

const CONFIRMATION_REQUIRED = 428;
const LONGEST_PARAMETERS = 300;
const DECLINED =
  'Nothing was started: the user did not confirm the run. Do not call again unless the user asks for it.';

/**
 * How a run stands with a workflow that wants a confirmation: still to be confirmed, by an argument of the call, or by the
 * user's answer.
 */
export type Confirmation = 'open' | 'by-argument' | 'by-answer';

interface UnconfirmedRun {
  /** Whether the caller says that the user has agreed. */
  readonly isConfirmed: boolean;
  readonly parameters: unknown;
  readonly submit: (confirmation: Confirmation) => Promise<RunAccepted>;
  readonly workflow: () => Promise<Workflow>;
}

/** A question to the user in place of an accepted run. */
export class RunQuestion {
  constructor(readonly result: object) {}
}

/**
 * Submits a run; of a workflow that wants a confirmation, only once the user has agreed.
 *
 * @returns the accepted run, or the question to the user in its place.
 * @throws {ToolError} when the client cannot ask, or the user does not agree.
 */
export async function confirmedRun(
  context: ToolContext,
  { isConfirmed, parameters, submit, workflow }: UnconfirmedRun,
): Promise<RunAccepted | RunQuestion> {
  if (isConfirmed) return submit('by-argument');
  const answer = await answerIn(context);
  if (answer === 'accepted') return submit('by-answer');
  if (answer === 'declined') throw new ToolError(DECLINED);
  try {
    return await submit('open');
  } catch (error) {
    if (!(error instanceof UpstreamError) || error.status !== CONFIRMATION_REQUIRED) throw error;
    const { confirm, display_name, workflow_slug } = await workflow();
    if (!confirm) throw error;
    const name = [display_name && `"${display_name}"`, workflow_slug && `(${workflow_slug})`];
    const asked = `Run ${name.filter(Boolean).join(' ')}? ${confirm}`;
    if (canAsk(context)) return new RunQuestion(await question(context, `${asked}${shown(parameters)}`));
    throw new ToolError(
      `Nothing was started: this workflow wants the user to confirm each run. Ask the user: ${asked} If they agree, call again with confirm: true.`,
    );
  }
}

function shown(parameters: unknown): string {
  const text = JSON.stringify(parameters) ?? '{}';
  return text === '{}' ? '' : `\nParameters: ${brief(text, LONGEST_PARAMETERS)}`;
}
