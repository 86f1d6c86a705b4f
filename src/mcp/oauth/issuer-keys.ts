import { Logger } from '@nestjs/common';
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';

import { discoverKeys, IssuerUnavailable, readDocument } from './issuer-documents.js';

/** Age at which keys are read again while the known ones go on being used. */
const FRESH_MS = 600_000;
/** Age from which they are no longer used: what the issuer has withdrawn must not be valid for long. */
const OLDEST_MS = 3_600_000;
/** Between two reads because of a key that is not known, which anyone can cause. */
const COOLDOWN_MS = 30_000;
/** Before an issuer that did not answer is asked again. */
const RETRY_MS = 3000;

interface KnownKeys {
  readonly find: JWTVerifyGetKey;
  readonly since: number;
}

/** The public keys of one issuer, read when a token needs them, and again when they may have changed. */
export class IssuerKeys {
  private readonly logger = new Logger('OAuth');
  private known: KnownKeys | undefined;
  private reading: Promise<KnownKeys> | undefined;
  private lastFailure: { readonly error: IssuerUnavailable; readonly at: number } | undefined;
  private isLogged = false;

  /** @param jwksUri found by the metadata of the issuer if left out. */
  constructor(
    readonly issuer: string,
    readonly jwksUri: string | undefined,
  ) {}

  /**
   * The key for a token.
   *
   * @throws {IssuerUnavailable}
   */
  readonly keyFor: JWTVerifyGetKey = async (header, token) => {
    const known = await this.current();
    try {
      return await known.find(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || Date.now() - known.since < COOLDOWN_MS) throw error;
    }
    // The issuer may have a new key.
    const { find } = await this.read();
    return await find(header, token);
  };

  private async current(): Promise<KnownKeys> {
    const { known } = this;
    const age = known ? Date.now() - known.since : Infinity;
    if (!known || age > OLDEST_MS) return await this.read();
    // The result of this read is for later tokens, and its failure is logged.
    if (age > FRESH_MS) this.read().catch(() => undefined);
    return known;
  }

  /** Joins a read in progress; fails at once shortly after a failure. */
  private read(): Promise<KnownKeys> {
    const { lastFailure } = this;
    if (lastFailure && Date.now() - lastFailure.at < RETRY_MS) return Promise.reject(lastFailure.error);
    this.reading ??= this.load().finally(() => (this.reading = undefined));
    return this.reading;
  }

  private async load(): Promise<KnownKeys> {
    try {
      const url = this.jwksUri ?? (await discoverKeys(this.issuer));
      const known = { find: keySetIn(await readDocument(url), url), since: Date.now() };
      if (this.isLogged) this.logger.log(`The issuer ${this.issuer} answers again.`);
      this.isLogged = false;
      this.lastFailure = undefined;
      this.known = known;
      return known;
    } catch (error) {
      if (error instanceof IssuerUnavailable) this.failed(error);
      throw error;
    }
  }

  private failed(error: IssuerUnavailable): void {
    this.lastFailure = { error, at: Date.now() };
    if (this.isLogged) return;
    this.isLogged = true;
    const until = this.known ? 'Its known keys are used for an hour.' : 'Its tokens are refused with 503.';
    this.logger.warn(`The keys of the issuer ${this.issuer} cannot be read (${error.message}). ${until}`);
  }
}

function keySetIn(document: unknown, url: string): JWTVerifyGetKey {
  try {
    return createLocalJWKSet(document as JSONWebKeySet);
  } catch (cause) {
    throw new IssuerUnavailable(`${url}: it is not a set of keys`, { cause });
  }
}
