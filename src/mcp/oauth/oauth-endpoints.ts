import type { IncomingMessage, ServerResponse } from 'node:http';

import { closeUnlessRead } from '../../http/index.js';
import type { ProtectedResource } from './protected-resource.js';

/** Where clients look for OAuth after a 401: its metadata, in every form of the path, and its usual endpoints. */
export const OAUTH_PATHS =
  /^(?:\/(?:register|authorize|token)\/?$|(?:\/.*)?\/\.well-known\/(?:oauth-[^/]*|openid-configuration))/i;

const KEYS_ONLY =
  'This server does not use OAuth. The key is missing or not valid: send Authorization: Bearer sk-… with an integration key of your team. Its administrator makes one, at a runtime of your own with: cyberun-mcp keys create';

const METHODS = 'GET, HEAD, OPTIONS';
/** Pages of any origin may read what is public. */
const CORS = { 'Access-Control-Allow-Origin': '*' };
const CACHING = 'public, max-age=60';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Answers clients that look for OAuth: with the metadata of the resource, or with an error that says what to do. */
export const oauthEndpoints =
  (resource: () => ProtectedResource | undefined): Handler =>
  (request, response) => {
    closeUnlessRead(response);
    const protectedResource = resource();
    if (!protectedResource) notFound(response, KEYS_ONLY);
    else if (protectedResource.isMetadataPath(pathOf(request)))
      answerMetadata(request, response, protectedResource);
    else notFound(response, elsewhere(protectedResource));
  };

/** Of the whole URL: Express cuts off the part that a handler is mounted at. */
const pathOf = ({ originalUrl, url = '' }: IncomingMessage & { originalUrl?: string }): string =>
  (originalUrl ?? url).replace(/\?.*$/, '');

const elsewhere = ({ issuers, metadataUrl }: ProtectedResource): string =>
  `This server issues no tokens. Sign in at ${issuers}, as ${metadataUrl} says, or send Authorization: Bearer sk-… with an integration key of your team.`;

function answerMetadata(
  { method = '', headers }: IncomingMessage,
  response: ServerResponse,
  { metadata }: ProtectedResource,
): void {
  if (method === 'OPTIONS') {
    const wanted = headers['access-control-request-headers'];
    response.writeHead(204, {
      ...CORS,
      Allow: METHODS,
      'Access-Control-Allow-Methods': METHODS,
      ...(wanted !== undefined && { 'Access-Control-Allow-Headers': wanted }),
    });
    response.end();
  } else if (method === 'GET' || method === 'HEAD') {
    sendJson(response, 200, metadata, { 'Cache-Control': CACHING });
  } else {
    const error_description = 'The metadata can only be read, by GET.';
    sendJson(response, 405, { error: 'invalid_request', error_description }, { Allow: METHODS });
  }
}

/** An error of OAuth (RFC 6749, section 5.2), because clients show its description to the user. */
const notFound = (response: ServerResponse, error_description: string): void =>
  sendJson(response, 404, { error: 'invalid_request', error_description });

function sendJson(
  response: ServerResponse,
  status: number,
  content: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = JSON.stringify(content);
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    ...CORS,
    ...headers,
  });
  response.end(body);
}
