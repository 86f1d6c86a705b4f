import { Agent, type Dispatcher, fetch, ProxyAgent, type Response } from 'undici';

import { errorText, proxyFor, readProxies } from '../../config/index.js';

const LONGEST = 1_048_576;
const DEADLINE_MS = 5000;

/** The issuer could not be asked, so that nothing can be said of its tokens. */
export class IssuerUnavailable extends Error {
  override readonly name = 'IssuerUnavailable';
}

/**
 * Reads a JSON document of an issuer. Only addresses that the operator configured, or that the metadata at such an
 * address names, come here, through the proxy of the environment; redirects are not followed.
 *
 * @throws {IssuerUnavailable}
 */
export async function readDocument(url: string): Promise<unknown> {
  try {
    const proxy = proxyFor(new URL(url), readProxies());
    // Of its own: minutes go by until the next request.
    const dispatcher = proxy ? new ProxyAgent(proxy.href) : new Agent();
    try {
      return await readBy(dispatcher, url);
    } finally {
      await dispatcher.destroy();
    }
  } catch (error) {
    throw new IssuerUnavailable(`${url}: ${reasonOf(error)}`, { cause: error });
  }
}

async function readBy(dispatcher: Dispatcher, url: string): Promise<unknown> {
  const response = await fetch(url, {
    headers: { Accept: 'application/json, application/jwk-set+json' },
    redirect: 'manual',
    dispatcher,
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`status ${response.status}`);
  }
  return JSON.parse(await textOf(response)) as unknown;
}

async function textOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += (chunk as Uint8Array).length;
    if (size > LONGEST) throw new Error(`more than ${LONGEST} bytes`);
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The message of fetch names no reason; its cause does. */
const reasonOf = (error: unknown): string =>
  errorText(error instanceof TypeError && error.cause instanceof Error ? error.cause : error);

/** Where the metadata of an issuer may be: RFC 8414, section 3.1 and 5, and OpenID Connect Discovery. */
export function metadataUrls(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/+$/, '');
  const urls = [
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}/.well-known/openid-configuration${path}`,
    `${origin}${path}/.well-known/openid-configuration`,
  ];
  return [...new Set(urls)];
}

/**
 * The address of an issuer's keys by its metadata.
 *
 * @throws {IssuerUnavailable} when none of its documents names it.
 */
export async function discoverKeys(issuer: string): Promise<string> {
  const problems: string[] = [];
  for (const url of metadataUrls(issuer)) {
    try {
      return keysIn(await readDocument(url), issuer, url);
    } catch (error) {
      if (!(error instanceof IssuerUnavailable)) throw error;
      problems.push(error.message);
    }
  }
  throw new IssuerUnavailable(`no metadata: ${problems.join('; ')}`);
}

/** A document that names another issuer could be of anyone (RFC 8414, section 3.3). */
function keysIn(document: unknown, issuer: string, url: string): string {
  const { issuer: named, jwks_uri: keys } = (document ?? {}) as Record<string, unknown>;
  if (named !== issuer)
    throw new IssuerUnavailable(`${url}: it is the metadata of the issuer ${JSON.stringify(named)}`);
  const target = typeof keys === 'string' ? URL.parse(keys) : null;
  const isSafe = target?.protocol === 'https:' || target?.origin === new URL(issuer).origin;
  if (!target || !isSafe) throw new IssuerUnavailable(`${url}: it has no jwks_uri that begins with https://`);
  return target.href;
}
