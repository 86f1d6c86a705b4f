import { networkInterfaces } from 'node:os';

import { Inject, Injectable } from '@nestjs/common';

import { CONFIG, type Config } from './config.js';

/** With the addresses of this machine that it stands for. */
const WILDCARDS: Readonly<Record<string, readonly string[]>> = {
  '0.0.0.0': ['IPv4'],
  '::': ['IPv4', 'IPv6'],
};
/** Only valid with the name of an interface. */
const LINK_LOCAL = /^fe80:/i;

/** A host as Node listens on it: an IPv6 address has no brackets. */
export const bareHost = (host: string): string => host.replace(/^\[(.*)\]$/, '$1');

/** The origin of a server on this host, which may be an IPv6 address without its brackets. */
export const originOf = (host: string, port: number): string =>
  `http://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;

/** The addresses of this process. With port 0 they are known once it listens. */
@Injectable()
export class Addresses {
  private port: number;
  private readonly listeners: (() => Promise<void>)[] = [];

  constructor(@Inject(CONFIG) private readonly config: Config) {
    this.port = config.httpPort;
  }

  /** Sets the actual port; called once, right after listening. Resolves when the listeners are done. */
  async announce(port: number): Promise<void> {
    this.port = port;
    await Promise.all(this.listeners.map((listener) => listener()));
  }

  /** Calls back once the addresses are known. */
  onAnnounced(listener: () => Promise<void>): void {
    this.listeners.push(listener);
  }

  /** Origin for calls from this machine, without a trailing slash. */
  get loopback(): string {
    return originOf(this.families ? '127.0.0.1' : this.config.httpHost, this.port);
  }

  /** Origin (and path prefix, if any) that clients use, without a trailing slash. */
  get public(): string {
    if (this.config.httpPublicUrl !== undefined) return this.config.httpPublicUrl.replace(/\/+$/, '');
    return this.isWildcard ? `http://localhost:${this.port}` : this.loopback;
  }

  /** Whether the public address is a name that only works on this machine. */
  get isWildcard(): boolean {
    return this.families !== undefined && this.config.httpPublicUrl === undefined;
  }

  /** Origin at which other nodes of the runtime reach this one. */
  get node(): string {
    const { nodeUrl } = this.config;
    if (nodeUrl !== undefined) return nodeUrl.replace(/\/+$/, '');
    const { families } = this;
    if (!families) return this.loopback;
    const outward = Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .filter(({ internal, address }) => !internal && !LINK_LOCAL.test(address));
    const [first] = families.flatMap((wanted) => outward.filter(({ family }) => family === wanted));
    return originOf(first?.address ?? '127.0.0.1', this.port);
  }

  /** The kinds of addresses that a wildcard host stands for. */
  private get families(): readonly string[] | undefined {
    return WILDCARDS[bareHost(this.config.httpHost)];
  }

  /** Base URL of the Runtime API, ending in `/api/v1`, without a trailing slash. */
  get runtime(): string {
    return (this.config.runtimeUrl ?? `${this.loopback}/api/v1`).replace(/\/+$/, '');
  }
}
