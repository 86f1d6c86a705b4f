import type { IncomingMessage, ServerResponse } from 'node:http';

import { forward, NoForwardedAnswer } from '../../http/index.js';
import { reasonOf } from './connection-reason.js';

/** A request with this header comes from another node and is not forwarded again; the origin that its client addressed. */
export const FORWARDED_ORIGIN = 'cyberun-forwarded-origin';

/** The other node did not answer; nothing has been sent to the client. */
export class NodeUnreachable extends Error {
  override readonly name = 'NodeUnreachable';
}

/**
 * Has another node answer a request; both bodies are streamed. Resolves when the response has ended.
 *
 * @param node origin of the other node.
 * @param origin that the client addressed.
 * @throws {NodeUnreachable} when there is no response.
 */
export async function forwardRequest(
  node: string,
  origin: string,
  [request, response]: [IncomingMessage & { originalUrl: string }, ServerResponse],
): Promise<void> {
  try {
    const headers = { [FORWARDED_ORIGIN]: origin };
    await forward({ url: node + request.originalUrl, headers }, [request, response]);
  } catch (error) {
    if (!(error instanceof NoForwardedAnswer)) throw error;
    throw new NodeUnreachable(reasonOf(error.cause), { cause: error.cause });
  }
}
