import type { IncomingMessage } from 'node:http';

/**
 * Whether a person opened the URL of the endpoint in a browser: a GET for HTML without a key. Clients of MCP ask for an
 * event stream.
 */
export const isBrowserRequest = ({
  method,
  headers: { accept, authorization },
}: Pick<IncomingMessage, 'method' | 'headers'>): boolean =>
  (method === 'GET' || method === 'HEAD') &&
  authorization === undefined &&
  accept !== undefined &&
  accept.includes('text/html') &&
  !accept.includes('text/event-stream');
