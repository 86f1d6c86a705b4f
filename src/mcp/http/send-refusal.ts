import type { ServerResponse } from 'node:http';

import { closeUnlessRead } from '../../http/index.js';
import type { Refusal } from '../protocol/index.js';

/** Answers a request with the reason why it is refused, unless an answer is under way. */
export function sendRefusal(refusal: Refusal, response: ServerResponse): void {
  if (response.headersSent) {
    response.end();
    return;
  }
  closeUnlessRead(response);
  const { status, code, message, id, headers } = refusal;
  const body = JSON.stringify({ jsonrpc: '2.0', error: { code, message }, id });
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}
