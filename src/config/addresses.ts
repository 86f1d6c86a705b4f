import { networkInterfaces } from 'node:os';

import { Inject, Injectable } from '@nestjs/common';

import { CONFIG, type Config } from './config.js';

const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '::', '[::]']);

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
    const { httpHost } = this.config;
    return originOf(WILDCARDS.has(httpHost) ? '127.0.0.1' : httpHost, this.port);
  }

  /** Origin (and path prefix, if any) that clients use, without a trailing slash. */
  get public(): string {
    if (this.config.httpPublicUrl !== undefined) return this.config.httpPublicUrl.replace(/\/+$/, '');
    return this.isWildcard ? `http://localhost:${this.port}` : this.loopback;
  }

  /** Whether the public address is a name that only works on this machine. */
  get isWildcard(): boolean {
    return WILDCARDS.has(this.config.httpHost) && this.config.httpPublicUrl === undefined;
  }

  /** Origin at which other nodes of the runtime reach this one. */
  get node(): string {
    const { nodeUrl, httpHost } = this.config;
    if (nodeUrl !== undefined) return nodeUrl.replace(/\/+$/, '');
    if (!WILDCARDS.has(httpHost)) return this.loopback;
    const first = Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .find(({ internal, family }) => !internal && family === 'IPv4');
    return originOf(first?.address ?? '127.0.0.1', this.port);
  }

  /** Base URL of the Runtime API, ending in `/api/v1`, without a trailing slash. */
  get runtime(): string {
    return (this.config.runtimeUrl ?? `${this.loopback}/api/v1`).replace(/\/+$/, '');
  }
}
