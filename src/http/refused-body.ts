import type { ServerResponse } from 'node:http';

/** A body up to this size is read to its end rather than giving up the connection for it. */
const SMALL = 64 * 1024;

/**
 * For an answer that is given without the body of its request: unless what is still coming is small, the connection ends
 * behind the answer. Node would read on without end to keep the connection. To be called before the headers are sent;
 * {@link closeLingering} makes sure that the answer arrives.
 */
export function closeUnlessRead(response: ServerResponse): void {
  const { req: request } = response;
  if (request.complete) return;
  const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers;
  if (coding !== undefined || Number(length) > SMALL) response.shouldKeepAlive = false;
}
