import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

import { Agent, Client, type Dispatcher, ProxyAgent } from 'undici';

import { type Proxies, proxyFor, readProxies } from '../config/index.js';

/** Time to connect to a host; the response itself may take as long as the run. */
const CONNECT_LIMIT_MS = 30_000;

/**
 * undici's default timeouts for headers and body are off: they would end a call before the timeout of its workflow. A
 * proxied connection has them in spite of the options of its pool, so that each request gets them too.
 */
const NO_LIMIT = { headersTimeout: 0, bodyTimeout: 0 };
/** Shorter than servers keep idle connections, so that they do not close one when the next request is sent on it. */
const IDLE_MS = 1000;
const POOL = {
  ...NO_LIMIT,
  connect: { timeout: CONNECT_LIMIT_MS },
  connectTimeout: CONNECT_LIMIT_MS,
  keepAliveTimeout: IDLE_MS,
  keepAliveMaxTimeout: IDLE_MS,
};

/** HTTP connections through the proxies of this machine. */
export function dispatcherFor(proxies: Proxies): Dispatcher {
  const direct = new Agent(POOL);
  const proxied = new Map<string, ProxyAgent>();
  const proxyAgentFor = ({ href }: URL): ProxyAgent => {
    const agent = proxied.get(href) ?? new ProxyAgent({ ...POOL, uri: href });
    proxied.set(href, agent);
    return agent;
  };
  return direct.compose((dispatch) => (options, handler) => {
    const unlimited = {
      ...options,
      headersTimeout: options.headersTimeout ?? 0,
      bodyTimeout: options.bodyTimeout ?? 0,
    };
    const proxy = options.origin && proxyFor(new URL(options.origin), proxies);
    return proxy ? proxyAgentFor(proxy).dispatch(unlimited, handler) : dispatch(unlimited, handler);
  });
}

/**
 * HTTP connections of the agent. `fetch` without a dispatcher uses the undici built into Node, another version, which
 * ends the process when a server closes a connection after a large body.
 */
export const dispatcher = dispatcherFor(readProxies());

/**
 * A connection for a WebSocket, through a proxy (CONNECT); `undefined` when no proxy is in the way. TLS, if the address
 * is `wss:`, is between this end and the host.
 *
 * @throws {Error} when the proxy refuses.
 */
export async function proxiedSocket(
  address: string,
  signal: AbortSignal,
  proxies: Proxies = readProxies(),
): Promise<Socket | undefined> {
  const url = new URL(address);
  const proxy = proxyFor(url, proxies);
  if (!proxy) return undefined;
  const isSecure = url.protocol === 'wss:';
  const socket = await tunnelTo(`${url.hostname}:${url.port || (isSecure ? 443 : 80)}`, proxy, signal);
  if (!isSecure) return socket;
  const servername = /^[\d.]+$|^\[/.test(url.hostname) ? undefined : url.hostname;
  const secured = connectTls({ socket, ALPNProtocols: ['http/1.1'], ...(servername && { servername }) });
  await once(secured, 'secureConnect', { signal });
  return secured;
}

async function tunnelTo(host: string, proxy: URL, signal: AbortSignal): Promise<Socket> {
  const client = new Client(proxy.origin, {
    connect: { timeout: CONNECT_LIMIT_MS },
    headersTimeout: CONNECT_LIMIT_MS,
  });
  const headers = { host, ...credentialsOf(proxy) };
  const { socket, statusCode } = await client.connect({ path: host, headers, signal });
  if (statusCode === 200) return socket as Socket;
  socket.destroy();
  const hint = statusCode === 407 ? '; it needs a user and a password in its URL' : '';
  throw new Error(`the proxy ${proxy.host} answered ${statusCode}${hint}`);
}

function credentialsOf({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}
