import { Inject, Injectable } from '@nestjs/common';

import { Addresses, CONFIG, type Config } from '../../config/index.js';

/** How many spellings of an allowed host are remembered. */
const CAP = 100;
const LOCALHOST: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Which values of Host and Origin are let in: protection against DNS rebinding, and the rule of CORS. */
@Injectable()
export class AllowedHosts {
  private readonly hosts: ReadonlySet<string> | undefined;
  private readonly origins: ReadonlySet<string> | undefined;
  private readonly corsOrigins: ReadonlySet<string> | undefined;
  /** Hosts that were let in: clients say the same one in every request. */
  private readonly seenHosts = new Set<string>();

  constructor(
    @Inject(CONFIG) { mcpAllowedHosts, mcpAllowedOrigins, httpCorsOrigins }: Config,
    private readonly addresses: Addresses,
  ) {
    this.hosts = lowerCase(mcpAllowedHosts);
    this.origins = lowerCase(mcpAllowedOrigins);
    this.corsOrigins = lowerCase(httpCorsOrigins);
  }

  /** A listed name allows every port, unless it is listed with one. */
  isHostAllowed(host: string): boolean {
    if (this.seenHosts.has(host)) return true;
    const isAllowed = this.isOneOfOurs(host);
    if (isAllowed && this.seenHosts.size < CAP) this.seenHosts.add(host);
    return isAllowed;
  }

  isOriginAllowed(origin: string): boolean {
    if (this.origins) return this.origins.has(origin.toLowerCase());
    const url = urlOf(origin);
    return url !== undefined && (isLocal(url) || url.origin === urlOf(this.addresses.public)?.origin);
  }

  /** Whether the pages of an origin that is let in may also read the answers. */
  isCorsAllowed(origin: string): boolean {
    return this.corsOrigins ? this.corsOrigins.has(origin.toLowerCase()) : this.isOriginAllowed(origin);
  }

  private isOneOfOurs(host: string): boolean {
    const name = urlOf(`http://${host}`);
    if (name === undefined) return false;
    if (this.hosts) return this.hosts.has(name.hostname) || this.hosts.has(host.toLowerCase());
    return LOCALHOST.has(name.hostname) || name.hostname === urlOf(this.addresses.public)?.hostname;
  }
}

const isLocal = ({ protocol, hostname }: URL): boolean =>
  (protocol === 'http:' || protocol === 'https:') && LOCALHOST.has(hostname);

const urlOf = (text: string): URL | undefined => URL.parse(text) ?? undefined;

const lowerCase = (names: readonly string[] | undefined): ReadonlySet<string> | undefined =>
  names && new Set(names.map((name) => name.toLowerCase()));
