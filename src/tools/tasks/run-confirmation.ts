import { hash } from 'node:crypto';

import type { RunAccepted, Workflow } from '../../contract/index.js';
import { answerIn, canAsk, canonicalJson, question, type ToolContext, ToolError } from '../../mcp/index.js';
import { UpstreamError } from '../../upstream/index.js';
import { brief } from '../concise.js';

const CONFIRMATION_REQUIRED = 428;
const LONGEST_VALUE = 80;
/** Characters of a code; nothing is gained by forging one. */
const CODE_LENGTH = 12;
const DECLINED =
  'Nothing was started: the user did not confirm the run. Do not call again unless the user asks for it.';
const CHANGED_SINCE_ASKED = 'The workflow has changed since the question. ';
const OTHER_CODE =
  'confirm is not the code of this run: it was mistyped, or the workflow or the parameters have changed since. ';

/** Tools that take the argument `confirm`. */
const CONFIRMING_TOOLS: ReadonlySet<string> = new Set(['run_workflow', 'run_workflow_by_slug']);

/** How a run stands with a workflow that wants a confirmation. */
export interface Confirmation {
  /** The user has agreed to this run of this version; without it the runtime refuses such a run. */
  readonly isGiven: boolean;
  /** The call has the argument `confirm`. */
  readonly isByArgument: boolean;
  /** The question that the user has answered: an answer that is sent again after a lost reply starts no second run. */
  readonly questionId?: string | undefined;
}

interface UnconfirmedRun {
  /** The code of the run that the user has agreed to, as a refusal gave it. */
  readonly confirm: string | undefined;
  /** What the runtime is sent: the parameters, and options of the run. */
  readonly body: Readonly<Record<string, unknown>>;
  /** @param version `slug@version` of the run that the user has agreed to, in place of the newest version. */
  readonly submit: (confirmation: Confirmation, version?: string) => Promise<RunAccepted>;
  readonly workflow: () => Promise<Workflow>;
}

/** A question to the user in place of an accepted run. */
export class RunQuestion {
  constructor(readonly result: object) {}
}

/**
 * Submits a run; of a workflow that wants a confirmation, only once the user has agreed to this version with these
 * parameters. What has changed since is asked about anew.
 *
 * @returns the accepted run, or the question to the user in its place.
 * @throws {ToolError} when the client cannot ask, or the user does not agree.
 */
export async function confirmedRun(
  context: ToolContext,
  run: UnconfirmedRun,
): Promise<RunAccepted | RunQuestion> {
  const answer = await answerIn(context);
  if (answer?.isAccepted === false) throw new ToolError(DECLINED);
  const agreed = answer?.subject ?? run.confirm;
  const isByArgument = run.confirm !== undefined;
  const confirmation = { isGiven: false, isByArgument, questionId: answer?.questionId };
  if (agreed !== undefined) {
    const workflow = await run.workflow();
    if (agreed === codeOf(context, workflow, run.body))
      return run.submit({ ...confirmation, isGiven: true }, versionOf(workflow));
  }
  try {
    return await run.submit(confirmation);
  } catch (error) {
    if (!(error instanceof UpstreamError) || error.status !== CONFIRMATION_REQUIRED) throw error;
    const workflow = await run.workflow();
    if (!workflow.confirm) throw error;
    const stale = isByArgument ? OTHER_CODE : '';
    return ask(context, workflow, run.body, answer ? CHANGED_SINCE_ASKED : stale);
  }
}

async function ask(
  context: ToolContext,
  workflow: Workflow,
  body: UnconfirmedRun['body'],
  change: string,
): Promise<RunQuestion> {
  const { confirm, display_name } = workflow;
  const version = versionOf(workflow);
  const name = [display_name && `"${display_name}"`, version && `(${version})`];
  const asked = `Run ${name.filter(Boolean).join(' ')}? ${confirm}`;
  const code = codeOf(context, workflow, body);
  if (canAsk(context))
    return new RunQuestion(await question(context, `${change}${asked}${shown(body['parameters'])}`, code));
  throw new ToolError(
    `Nothing was started: this workflow wants the user to confirm each run. ${change}Ask the user: ${asked} If they agree, ${howToConfirm(context.tool, workflow, code)}.`,
  );
}

/** What to do once the user has agreed; the tool of a pinned workflow takes nothing but its parameters. */
const howToConfirm = (tool: string, { workflow_slug }: Workflow, code: string): string =>
  CONFIRMING_TOOLS.has(tool)
    ? `call again with confirm: "${code}"`
    : `call run_workflow_by_slug with workflow_slug "${workflow_slug}", the same parameters in body, and confirm: "${code}"`;

/** Stands for one run as a person sees it: who asks, the version of the workflow, and the body. */
function codeOf({ keyHash }: ToolContext, workflow: Workflow, body: object): string {
  const { id, version, display_name, confirm } = workflow;
  const content = canonicalJson([keyHash, id, version, display_name, confirm, body]);
  return hash('sha256', content, 'base64url').slice(0, CODE_LENGTH);
}

/** The workflow as it is now; `undefined` where the runtime does not say. */
function versionOf({ workflow_slug, version }: Workflow): string | undefined {
  if (workflow_slug === undefined || version === undefined) return workflow_slug;
  return `${workflow_slug}@${version}`;
}

/** Every parameter, each in short: a long one must not hide those behind it. */
function shown(parameters: unknown): string {
  const entries = Object.entries(parameters ?? {});
  const lines = entries.map(([key, value]) => `${key}: ${brief(JSON.stringify(value), LONGEST_VALUE)}`);
  return lines.length === 0 ? '' : `\nParameters: ${lines.join(', ')}`;
}
