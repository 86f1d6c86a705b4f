import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** Deadlines are the client's, and cover the body too; the ones of the pool would only get in their way. */
const POOL = { headersTimeout: 0, bodyTimeout: 0, connectTimeout: 10_000, allowH2: false } as const;

/** The way to a base URL. */
interface Way {
  readonly dispatcher: Dispatcher;
  readonly origin: string;
  /** Without a trailing slash. */
  readonly path: string;
}

/** Keep-alive connections to the runtime; through a proxy (HTTPS_PROXY, NO_PROXY) unless it is on this machine. */
@Injectable()
export class Dispatchers implements BeforeApplicationShutdown {
  private readonly direct = new Agent({ ...POOL, connect: { timeout: POOL.connectTimeout } });
  private readonly proxied = new EnvHttpProxyAgent({ ...POOL, connect: { timeout: POOL.connectTimeout } });
  private latest: (Way & { readonly base: string }) | undefined;

  /** There is one base, so it is looked at once. */
  towards(base: string): Way {
    if (this.latest?.base !== base) this.latest = { base, ...this.wayTo(new URL(base)) };
    return this.latest;
  }

  private wayTo({ hostname, origin, pathname }: URL): Way {
    const dispatcher = LOOPBACK.test(hostname) ? this.direct : this.proxied;
    return { dispatcher, origin, path: pathname.replace(/\/+$/, '') };
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([this.direct.destroy(), this.proxied.destroy()]);
  }
}
