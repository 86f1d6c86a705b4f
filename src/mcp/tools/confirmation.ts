import { hash, randomUUID } from 'node:crypto';
import {
  type CallToolRequest,
  createRequestStateCodec,
  inputRequired,
  ProtocolError,
  ProtocolErrorCode,
  type RequestStateCodec,
  type ServerContext,
} from '@modelcontextprotocol/server';

import type { ToolContext } from './tool-context.js';

/** Name of the question among those of a result. */
const QUESTION = 'confirm';
/** How long an answer is taken. */
const ANSWER_SECONDS = 1800;
/** Place of the SDK's own context among the arguments of mcp-nest's, which has no accessor for it. */
const SDK_CONTEXT = 4;

/** What the state of a question holds. */
interface AskedQuestion {
  /** The same for each repetition of an answer. */
  readonly questionId: string;
  /** Stands for what the user was asked about. */
  readonly subject: string;
}

/** What the user has answered. */
interface Answer extends AskedQuestion {
  readonly isAccepted: boolean;
}

/** Whether the client can ask its user for a confirmation. */
export function canAsk(context: ToolContext): boolean {
  const elicitation = context.getClientCapabilities()?.elicitation;
  // Without a mode it is a form; a client may also declare URLs alone.
  return elicitation !== undefined && ('form' in elicitation || !('url' in elicitation));
}

/**
 * The result that asks the user. A client of 2026-07-28 calls again with the answer, at any replica; for earlier revisions
 * the SDK sends a request to the client and then runs the tool again.
 *
 * @param subject what the user agrees to; the answer has it, to be compared with what would be done then.
 */
export async function question(context: ToolContext, message: string, subject: string): Promise<object> {
  const requestedSchema = { type: 'object' as const, properties: {} };
  return inputRequired({
    inputRequests: { [QUESTION]: inputRequired.elicit({ message, requestedSchema }) },
    requestState: await codecOf(context).mint({ questionId: randomUUID(), subject }, sdkOf(context)),
  });
}

/**
 * The answer to a {@link question} about the same call; `undefined` when there is none.
 *
 * @throws {ProtocolError} when the state of the question was changed, belongs to another call, or has expired.
 */
export async function answerIn(context: ToolContext): Promise<Answer | undefined> {
  const sdk = sdkOf(context);
  const state = sdk.mcpReq.requestState<string>();
  const response: unknown = sdk.mcpReq.inputResponses?.[QUESTION];
  if (state === undefined || response === undefined) return undefined;
  const asked = await codecOf(context)
    .verify(state, sdk)
    .catch(() => {
      throw new ProtocolError(
        ProtocolErrorCode.InvalidParams,
        'requestState is not that of a question about this call, or it has expired; call again without it and without inputResponses.',
      );
    });
  const action: unknown = typeof response === 'object' && response && Reflect.get(response, 'action');
  return { isAccepted: action === 'accept', ...asked };
}

const sdkOf = (context: ToolContext): ServerContext => context.getArgByIndex(SDK_CONTEXT) as ServerContext;

/**
 * Seals the state of a question with the client's own key, so that every replica opens it and no server stores a secret. A
 * client that forges one only confirms its own call, as it can by an argument.
 */
function codecOf({ keyHash, tool, mcpRequest }: ToolContext): RequestStateCodec<AskedQuestion> {
  const { params } = mcpRequest as CallToolRequest;
  const args = hash('sha256', canonicalJson(params.arguments ?? {}), 'base64url');
  return createRequestStateCodec<AskedQuestion>({
    key: `cyberun:mcp:confirmation:${keyHash}`,
    ttlSeconds: ANSWER_SECONDS,
    bind: () => `${keyHash} ${tool} ${args}`,
  });
}

/** As JSON with sorted keys: a client may send the same arguments in another order. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  );
}
