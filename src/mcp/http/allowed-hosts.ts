import { Inject, Injectable } from '@nestjs/common';
import { Logger } from '@nestjs/common';

import { Addresses, CONFIG, type Config } from '../../config/index.js';
import { CODE, JsonRpcHttpError } from '../protocol/index.js';

/** How many spellings of allowed hosts are cached. */
const CAP = 100;
const LOCALHOST: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Allowed values of Host and Origin: protection against DNS rebinding, and the rule of CORS. */
@Injectable()
export class AllowedHosts {
  private readonly hosts: ReadonlySet<string> | undefined;
  private readonly origins: ReadonlySet<string> | undefined;
  private readonly corsOrigins: ReadonlySet<string> | undefined;
  /** Hosts already allowed: clients send the same one in every request. */
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

  /** Whether pages of an allowed origin may also read the responses. */
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

const SETTINGS = { Host: 'CYBERUN_MCP_ALLOWED_HOSTS', Origin: 'CYBERUN_MCP_ALLOWED_ORIGINS' } as const;

/** How many names are logged, and their maximum length: clients choose them. */
const LOGGED_CAP = 100;
const LONGEST = 200;

/** Rejects hosts and origins that are not allowed, with the setting to change; each is logged once. */
export class HostRejections {
  private readonly logger = new Logger(HostRejections.name);
  private readonly logged = new Set<string>();

  error(status: 400 | 403, header: keyof typeof SETTINGS, value: string): JsonRpcHttpError {
    const setting = SETTINGS[header];
    this.logOnce(header, value.slice(0, LONGEST));
    const message = `Invalid ${header}: ${value}. If this server is to answer for it, add it to ${setting}, which replaces the default list`;
    return new JsonRpcHttpError(status, CODE.serverError, message);
  }

  private logOnce(header: keyof typeof SETTINGS, value: string): void {
    const name = `${header}: ${value}`;
    if (this.logged.has(name) || this.logged.size >= LOGGED_CAP) return;
    this.logged.add(name);
    this.logger.warn(
      `MCP requests with "${name}" are refused. If they should be served, add the name to ${SETTINGS[header]}, which replaces the default list. Further ones are not logged.`,
    );
  }
}
