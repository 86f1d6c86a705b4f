import { Addresses, type Config } from '../../config/index.js';
import { type Finding, broken, passed, warned } from './finding.js';
import type { SeenServer } from './server-at.js';

const CHECK = 'public URL';
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;
/** A proxy that has nothing behind it. */
const GATEWAY_ERRORS: ReadonlySet<number> = new Set([502, 503, 504]);
/** Faults that the start of the server does not repair. */
const LASTING = /no such host|certificate|TLS/;

/** The address that clients use, without a request. */
export function checkOwnAddress(config: Config): Finding {
  const addresses = new Addresses(config);
  const seen = `Clients use ${addresses.public.replace(/:0$/, ' and the port that a server picks')}`;
  if (addresses.isWildcard)
    return warned(
      CHECK,
      `${seen}, which works on this machine only, though the server listens on every interface.`,
      'Set CYBERUN_HTTP_PUBLIC_URL to the address that they use. Example: https://mcp.example.com',
    );
  const isLocal = LOOPBACK.test(new URL(addresses.public).hostname);
  return passed(CHECK, isLocal ? `${seen}, which works on this machine only.` : `${seen}.`);
}

/**
 * Whether the address that was set leads to this server.
 *
 * @param url without a slash at its end.
 */
export function checkPublicUrl(url: string, isRunning: boolean, server: SeenServer): Finding {
  if (server.kind === 'silent') return silent(url, isRunning, server.reason);
  if (server.kind === 'other') return elsewhere(url, isRunning, server);
  const { version, endpoint } = server;
  if (endpoint !== undefined && endpoint !== `${url}/api/v1/mcp`)
    return broken(
      CHECK,
      `${url} leads to a server of cyberun-mcp whose own address is ${endpoint}.`,
      'Let the proxy or the name lead to this server; if it does, start the server again with this CYBERUN_HTTP_PUBLIC_URL.',
    );
  return passed(
    CHECK,
    `${url} leads to a server of cyberun-mcp${version === undefined ? '' : ` ${version}`}.`,
  );
}

function silent(url: string, isRunning: boolean, reason: string): Finding {
  const [problem = ''] = reason.split(/(?<=\.) (?=[A-Z])/);
  const seen = `${url} does not answer: ${problem}`;
  if (!isRunning && !LASTING.test(problem))
    return warned(CHECK, seen, 'Start the server, and run doctor again.');
  return broken(
    CHECK,
    seen,
    'Check the name, the proxy and its certificate, and the firewall. Behind NAT a machine may not reach its own public address: try it from another one.',
  );
}

function elsewhere(
  url: string,
  isRunning: boolean,
  { status, location }: { readonly status: number; readonly location?: string },
): Finding {
  if (GATEWAY_ERRORS.has(status) && !isRunning)
    return warned(
      CHECK,
      `${url} leads to a proxy that has no server behind it (status ${status}).`,
      'Start the server, and run doctor again.',
    );
  const target = location === undefined ? undefined : URL.parse(location, url)?.origin;
  const what =
    target === undefined ? `answered by another server (status ${status})` : `redirected to ${target}`;
  return broken(
    CHECK,
    `${url} is ${what}.`,
    'Let the proxy pass /api/v1 on to this server, without a redirect, or correct CYBERUN_HTTP_PUBLIC_URL.',
  );
}
