import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

import { ForbiddenException, Inject, Injectable } from '@nestjs/common';
import type { Request } from 'express';

import { Addresses, CONFIG, type Config, servesConsole } from '../../config/index.js';
import { Database, sharedSecret } from '../database/index.js';

/** How long a browser stays signed in. */
const SESSION_SECONDS = 7 * 86_400;
/** Only scripts of the own origin can send it; other sites would need leave that this server never gives. */
const MARK_HEADER = 'cyberun-console';
const CIPHER = 'aes-256-gcm';
const SECRET_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Longer than any cookie that was made here. */
const LONGEST = 1000;

interface SealingKey {
  readonly cookie: string;
  readonly bytes: Buffer;
}

/**
 * Sessions of browsers: an integration key in a cookie that only a runtime can open. Nothing is stored, so that every node
 * knows every session, and a session ends with its key.
 */
@Injectable()
export class BrowserSessions {
  private sealing: Promise<SealingKey> | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly addresses: Addresses,
    private readonly database: Database,
  ) {}

  /** The cookie of a new session. */
  async begin(rawKey: string): Promise<string> {
    const { cookie, bytes } = await this.sealingKey();
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, bytes, nonce);
    const text = JSON.stringify([Math.floor(Date.now() / 1000), rawKey]);
    const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return this.cookie(cookie, sealed.toString('base64url'), SESSION_SECONDS);
  }

  /** A cookie that ends the session of a browser. */
  async end(): Promise<string> {
    return this.cookie((await this.sealingKey()).cookie, '', 0);
  }

  /**
   * The key of the session that a request belongs to; `undefined` when it has none.
   *
   * @throws {ForbiddenException} when the page of another site has sent it.
   */
  async keyOf(request: Request): Promise<string | undefined> {
    const { cookie: cookies } = request.headers;
    if (cookies === undefined || !servesConsole(this.config) || !isMarked(request)) return undefined;
    checkSameOrigin(request);
    const { cookie, bytes } = await this.sealingKey();
    const sealed = valueOf(cookies, cookie);
    return sealed === undefined ? undefined : opened(sealed, bytes);
  }

  private cookie(name: string, value: string, seconds: number): string {
    const { pathname, protocol } = new URL(`${this.addresses.public}/api/v1`);
    const secure = protocol === 'https:' ? '; Secure' : '';
    return `${name}=${value}; Path=${pathname}; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
  }

  /** Read when the first browser signs in. */
  private sealingKey(): Promise<SealingKey> {
    this.sealing ??= this.readKey().catch((error: unknown) => {
      this.sealing = undefined;
      throw error;
    });
    return this.sealing;
  }

  private async readKey(): Promise<SealingKey> {
    const proposed = randomBytes(SECRET_BYTES).toString('hex');
    const secret = await sharedSecret(this.database, 'browser-sessions', proposed);
    // Browsers do not tell servers apart by their ports, so that each has a name of its own.
    const name = createHash('sha256').update(`name ${secret}`).digest('hex').slice(0, 8);
    return { cookie: `cyberun_session_${name}`, bytes: Buffer.from(secret, 'hex') };
  }
}

const isMarked = ({ headers }: Request): boolean => headers[MARK_HEADER] !== undefined;

/** @throws {ForbiddenException} when a request that acts for a browser was not sent by a page of this server. */
export function checkSameOrigin(request: Request): void {
  const { host, origin, 'sec-fetch-site': site } = request.headers;
  const isSame = site === undefined ? isOriginOf(host, origin) : site === 'same-origin';
  if (isMarked(request) && isSame) return;
  throw new ForbiddenException(
    'Only the console of this server may use its session. Programs send an integration key: "Authorization: Bearer sk-…".',
  );
}

/** Browsers that do not say where a request comes from send its origin, at least with those that change something. */
const isOriginOf = (host: string | undefined, origin: string | undefined): boolean =>
  origin === undefined || (host !== undefined && URL.parse(origin)?.host === host.toLowerCase());

function valueOf(cookies: string, name: string): string | undefined {
  const start = `${name}=`;
  const found = cookies.split('; ').find((cookie) => cookie.startsWith(start));
  return found?.slice(start.length);
}

/** The key in a sealed session; `undefined` for what was sealed elsewhere, or too long ago. */
function opened(sealed: string, bytes: Buffer): string | undefined {
  const all = sealed.length > LONGEST ? Buffer.alloc(0) : Buffer.from(sealed, 'base64url');
  if (all.length <= NONCE_BYTES + TAG_BYTES) return undefined;
  try {
    const cipher = createDecipheriv(CIPHER, bytes, all.subarray(0, NONCE_BYTES));
    cipher.setAuthTag(all.subarray(-TAG_BYTES));
    const text =
      cipher.update(all.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + cipher.final('utf8');
    const [began, rawKey] = JSON.parse(text) as [number, string];
    return Date.now() / 1000 - began < SESSION_SECONDS ? rawKey : undefined;
  } catch {
    return undefined;
  }
}
