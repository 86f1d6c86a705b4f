import type { Addresses, OAuthConfig } from '../../config/index.js';
import { CODE, JsonRpcHttpError } from '../protocol/index.js';

const PATH = '/api/v1/mcp';
const WELL_KNOWN = '/.well-known/oauth-protected-resource';
/** Needed for every request, where it is configured. */
export const ACCESS = 'access';

type ChallengeParameters = Readonly<Record<string, string>>;

/** What clients learn of the resource: its metadata (RFC 9728), and challenges (RFC 6750) that lead to it. */
export class ProtectedResource {
  constructor(
    private readonly addresses: Addresses,
    private readonly config: OAuthConfig,
  ) {}

  /** The resource identifier (RFC 8707), which is the audience of tokens. */
  get identifier(): string {
    return this.config.resource ?? `${this.addresses.public}${PATH}`;
  }

  /** Where the metadata is, for clients. */
  get metadataUrl(): string {
    const { origin, pathname } = new URL(this.identifier);
    return `${origin}${WELL_KNOWN}${pathname === '/' ? '' : pathname}`;
  }

  get metadata(): object {
    const { scopes, documentation, issuers } = this.config;
    const supported = [...new Set(Object.values(scopes).flatMap(([first]) => first ?? []))];
    return {
      resource: this.identifier,
      resource_name: 'Cyberun MCP',
      authorization_servers: issuers.map(({ issuer }) => issuer),
      ...(supported.length > 0 && { scopes_supported: supported.map((scope) => this.asked(scope)) }),
      bearer_methods_supported: ['header'],
      ...(documentation !== undefined && { resource_documentation: documentation }),
    };
  }

  /**
   * Whether the metadata is at a path of this server, with or without a slash at its end; a proxy may have cut off a prefix
   * of the public one.
   */
  isMetadataPath(path: string): boolean {
    const paths = [WELL_KNOWN, `${WELL_KNOWN}${PATH}`, new URL(this.metadataUrl).pathname];
    return paths.map(withoutSlash).includes(withoutSlash(path));
  }

  /** The authorization servers, for a sentence. */
  get issuers(): string {
    return this.config.issuers.map(({ issuer }) => issuer).join(', ');
  }

  /** Parameters of a challenge for a request without a valid token. */
  get challenge(): ChallengeParameters {
    const { initialScopes } = this.config;
    return this.parameters(initialScopes);
  }

  /** The permissions that these scopes do not give, of those that depend on scopes. */
  withheldFrom(scopes: ReadonlySet<string>): ReadonlySet<string> | undefined {
    const withheld = Object.entries(this.config.scopes)
      .filter(([, sufficient]) => !sufficient.some((scope) => scopes.has(scope)))
      .map(([permission]) => permission);
    return withheld.length > 0 ? new Set(withheld) : undefined;
  }

  /**
   * 403 that names every scope which the request needs, and those of other permissions that the token has: a client asks for
   * exactly these, and would lose what it does not ask for.
   *
   * @param scopes of the token.
   */
  insufficientScope(
    permission: string,
    scopes: ReadonlySet<string>,
    id: string | number | null = null,
  ): JsonRpcHttpError {
    const scopeFor = (name: string): readonly string[] => {
      const sufficient = this.config.scopes[name] ?? [];
      const held = sufficient.find((scope) => scopes.has(scope));
      if (held !== undefined) return [held];
      return name === ACCESS || name === permission ? sufficient.slice(0, 1) : [];
    };
    const [missing = ''] = this.config.scopes[permission] ?? [];
    const description = `The access token lacks the scope ${this.asked(missing)}.`;
    const asked = [ACCESS, ...Object.keys(this.config.scopes)].flatMap(scopeFor);
    const parameters = {
      error: 'insufficient_scope',
      ...this.parameters([...new Set(asked)]),
      error_description: description,
    };
    const headers = { 'WWW-Authenticate': challengeOf(parameters) };
    return new JsonRpcHttpError(403, CODE.serverError, `Forbidden: ${description}`, { id, headers });
  }

  private parameters(scopes: readonly string[]): ChallengeParameters {
    return {
      resource_metadata: this.metadataUrl,
      ...(scopes.length > 0 && { scope: scopes.map((scope) => this.asked(scope)).join(' ') }),
    };
  }

  /** Some issuers want scopes requested under another name than they have in a token. */
  private asked(scope: string): string {
    return `${this.config.scopePrefix}${scope}`;
  }
}

const withoutSlash = (path: string): string => path.replace(/\/$/, '');

/** 401 for a token that was valid once: its client gets a newer one from the issuer. */
export class ExpiredTokenError extends JsonRpcHttpError {}

/** The value of WWW-Authenticate. */
export function challengeOf(parameters: ChallengeParameters): string {
  const all = Object.entries({ realm: 'cyberun', ...parameters });
  return `Bearer ${all.map(([name, value]) => `${name}="${inHeader(value)}"`).join(', ')}`;
}

/** The characters that RFC 6750 allows in a description. */
const inHeader = (message: string): string =>
  message.replaceAll('…', '...').replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "'");
