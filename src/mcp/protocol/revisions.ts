import { type InitializeRequest, SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server';

/** The stateless revision that our code serves; the SDK serves later ones. */
export const STATELESS_REVISION = '2026-07-28';

/** What clients can speak, the latest first. */
export const REVISIONS: readonly string[] = [STATELESS_REVISION, ...SUPPORTED_PROTOCOL_VERSIONS];

/** Revisions with sessions, which are 2025-11-25 and before, or without. */
export type RevisionFamily = 'sessions' | 'stateless';

/** The revision of a session: the client's if supported, else the latest supported one. */
export const negotiated = (wanted: string): string =>
  SUPPORTED_PROTOCOL_VERSIONS.find((version) => version === wanted) ??
  SUPPORTED_PROTOCOL_VERSIONS[0] ??
  wanted;

/** Whether the capabilities in initialize include requests from the server. */
export function canAnswerRequests({ capabilities }: InitializeRequest['params']): boolean {
  const { sampling, elicitation, roots } = capabilities;
  return sampling !== undefined || elicitation !== undefined || roots !== undefined;
}
