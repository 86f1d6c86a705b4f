import { type InitializeRequest, SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server';

/** The revision a session speaks: the client's, if we know it, else our latest. */
export const negotiated = (wanted: string): string =>
  SUPPORTED_PROTOCOL_VERSIONS.find((version) => version === wanted) ??
  SUPPORTED_PROTOCOL_VERSIONS[0] ??
  wanted;

/** Whether a client said in its initialize that it answers questions. */
export function canAnswerRequests({ capabilities }: InitializeRequest['params']): boolean {
  const { sampling, elicitation, roots } = capabilities;
  return sampling !== undefined || elicitation !== undefined || roots !== undefined;
}
