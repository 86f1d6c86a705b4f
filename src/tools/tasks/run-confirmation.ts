import type { RunAccepted, Workflow } from '../../contract/index.js';
import { answerIn, canAsk, question, type ToolContext, ToolError } from '../../mcp/index.js';
import { UpstreamError } from '../../upstream/index.js';
import { brief } from '../concise.js';

const CONFIRMATION_REQUIRED = 428;
const LONGEST_VALUE = 80;
const DECLINED =
  'Nothing was started: the user did not confirm the run. Do not call again unless the user asks for it.';

/** Tools that take the argument `confirm`. */
const CONFIRMING_TOOLS: ReadonlySet<string> = new Set(['run_workflow', 'run_workflow_by_slug']);

/**
 * How a run stands with a workflow that wants a confirmation: still to be confirmed, by an argument of the call, or by the
 * user's answer to this question.
 */
export type Confirmation = 'open' | 'by-argument' | { readonly questionId: string };

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
  if (answer?.isAccepted === false) throw new ToolError(DECLINED);
  if (answer) return submit({ questionId: answer.questionId });
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
      `Nothing was started: this workflow wants the user to confirm each run. Ask the user: ${asked} If they agree, ${agreed(context.tool, workflow_slug)}.`,
    );
  }
}

/** What to do once the user has agreed; the tool of a pinned workflow takes nothing but its parameters. */
const agreed = (tool: string, slug = ''): string =>
  CONFIRMING_TOOLS.has(tool)
    ? 'call again with confirm: true'
    : `call run_workflow_by_slug with workflow_slug "${slug}", the same parameters in body, and confirm: true`;

/** Every parameter, each in short: a long one must not hide those behind it. */
function shown(parameters: unknown): string {
  const entries = Object.entries(parameters ?? {});
  const lines = entries.map(([key, value]) => `${key}: ${brief(JSON.stringify(value), LONGEST_VALUE)}`);
  return lines.length === 0 ? '' : `\nParameters: ${lines.join(', ')}`;
}
