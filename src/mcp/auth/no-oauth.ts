import type { IncomingMessage, ServerResponse } from 'node:http';

import { closeUnlessRead } from '../../http/index.js';

/** Where clients look for OAuth after a 401: its metadata, in every form of the path, and its usual endpoints. */
export const OAUTH_PATHS =
  /^(?:\/(?:register|authorize|token)\/?$|(?:\/.*)?\/\.well-known\/(?:oauth-[^/]*|openid-configuration))/i;

/** An error of OAuth (RFC 6749 §5.2), because clients show its description to the user. */
const BODY = JSON.stringify({
  error: 'invalid_request',
  error_description:
    'This server does not use OAuth. The key is missing or not valid: send Authorization: Bearer sk-… with an integration key of your team.',
});

/** Answers clients that try OAuth because their key is missing or wrong. */
export function refuseOAuth(_request: IncomingMessage, response: ServerResponse): void {
  closeUnlessRead(response);
  response.writeHead(404, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(BODY),
  });
  response.end(BODY);
}
