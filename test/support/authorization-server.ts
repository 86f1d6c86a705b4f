import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHash, randomUUID } from 'node:crypto';

import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';

interface SigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: object;
}

/** How a token differs from what the server would issue. */
export interface TokenChanges {
  readonly claims?: JWTPayload;
  readonly header?: Record<string, unknown>;
  /** Claims to leave out. */
  readonly without?: readonly string[];
  /** In seconds from now. */
  readonly expiresIn?: number;
}

/** A small authorization server: metadata, keys, and the code flow with PKCE, whose user always agrees. */
export class AuthorizationServer implements AsyncDisposable {
  /** Every request it got, as method and path. */
  readonly requests: string[] = [];
  /** Where its metadata is. */
  metadataPath = '/.well-known/oauth-authorization-server';
  /** Answers every request with 500. */
  isBroken = false;
  /** Scopes that were asked for in the order of the requests. */
  readonly askedScopes: string[] = [];
  /** Claims of the tokens that the flow issues. */
  userClaims: JWTPayload = { sub: 'user-1' };
  private readonly codes = new Map<string, URLSearchParams>();

  private constructor(
    private readonly server: Server,
    private keys: readonly SigningKey[],
  ) {
    server.on('request', (request, response) => void this.answer(request, response));
  }

  static async start(): Promise<AuthorizationServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new AuthorizationServer(server, [await newKey()]);
  }

  get issuer(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The public key that signs now. */
  get publicKey(): object {
    return this.keys.at(-1)?.publicJwk ?? {};
  }

  get kid(): string {
    return this.keys.at(-1)?.kid ?? '';
  }

  /** Replaces its keys by a new one. */
  async rotate(): Promise<void> {
    this.keys = [await newKey()];
  }

  /** A token for an audience. */
  async token(
    audience: string,
    { claims = {}, header = {}, without = [], expiresIn = 300 }: TokenChanges = {},
  ): Promise<string> {
    const key = this.keys.at(-1);
    if (!key) throw new Error('the server has no key');
    const now = Math.floor(Date.now() / 1000);
    const usual = { iss: this.issuer, aud: audience, sub: 'user-1', client_id: 'client-1' };
    const payload: JWTPayload = { ...usual, iat: now, exp: now + expiresIn, jti: randomUUID(), ...claims };
    for (const claim of without) delete payload[claim];
    return await new SignJWT(payload)
      .setProtectedHeader({ alg: 'ES256', kid: key.kid, typ: 'at+jwt', ...header })
      .sign(key.privateKey);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.issuer);
    this.requests.push(`${request.method} ${pathname}`);
    if (this.isBroken) sendJson(response, 500, {});
    else if (pathname === this.metadataPath) sendJson(response, 200, this.metadata);
    else if (pathname === '/keys') sendJson(response, 200, { keys: this.keys.map((key) => key.publicJwk) });
    else if (pathname === '/authorize') this.authorize(searchParams, response);
    else if (pathname === '/register') await this.register(request, response);
    else if (pathname === '/token') await this.exchange(request, response);
    else sendJson(response, 404, {});
  }

  private get metadata(): object {
    const { issuer } = this;
    return {
      issuer,
      jwks_uri: `${issuer}/keys`,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      registration_endpoint: `${issuer}/register`,
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none'],
    };
  }

  private authorize(asked: URLSearchParams, response: ServerResponse): void {
    const code = randomUUID();
    this.codes.set(code, asked);
    this.askedScopes.push(asked.get('scope') ?? '');
    const target = new URL(asked.get('redirect_uri') ?? '');
    target.searchParams.set('code', code);
    const state = asked.get('state');
    if (state !== null) target.searchParams.set('state', state);
    response.writeHead(302, { Location: target.href }).end();
  }

  private async register(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = JSON.parse(await textOf(request)) as object;
    sendJson(response, 201, { ...asked, client_id: randomUUID() });
  }

  private async exchange(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const given = new URLSearchParams(await textOf(request));
    const code = given.get('code') ?? '';
    const asked = this.codes.get(code);
    this.codes.delete(code);
    const verifier = createHash('sha256')
      .update(given.get('code_verifier') ?? '')
      .digest('base64url');
    const resource = given.get('resource');
    if (
      asked?.get('code_challenge') !== verifier ||
      resource === null ||
      asked.get('resource') !== resource
    ) {
      sendJson(response, 400, { error: 'invalid_grant' });
      return;
    }
    const scope = asked.get('scope') ?? '';
    const claims = { ...this.userClaims, scope, client_id: asked.get('client_id') ?? '' };
    const access_token = await this.token(resource, { claims });
    sendJson(response, 200, { access_token, token_type: 'Bearer', expires_in: 300, scope });
  }
}

async function newKey(): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const kid = randomUUID();
  const publicJwk = { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' };
  return { kid, privateKey, publicJwk };
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}
