import type { ServerResponse } from 'node:http';

import { closeUnlessRead } from '../../http/index.js';
import type { JsonRpcHttpError } from '../protocol/index.js';

/** Answers a request with the reason why it is refused, unless an answer is under way. */
export function sendJsonRpcError(error: JsonRpcHttpError, response: ServerResponse): void {
  if (response.headersSent) {
    response.end();
    return;
  }
  closeUnlessRead(response);
  const { status, code, message, id, headers } = error;
  const body = JSON.stringify({ jsonrpc: '2.0', error: { code, message }, id });
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}
