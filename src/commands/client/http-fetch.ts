import { isCertificateError, isNeverConnected } from '../../contract/index.js';
import { CommandError, EXIT_CODES } from './command-error.js';

const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/;
const PROXY_VARIABLES = ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'] as const;

interface HttpRequest {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | ReadableStream;
  /** For a body that is a stream. */
  readonly duplex?: 'half';
  readonly redirect?: 'manual';
  readonly signal: AbortSignal;
}

type Fetch = (url: URL, request: HttpRequest) => Promise<Response>;

/** Node's own fetch; one that uses the proxy of the environment where there is one. */
async function fetchFor({ hostname }: URL): Promise<Fetch> {
  const isProxied = PROXY_VARIABLES.some((name) => (process.env[name] ?? '') !== '');
  if (!isProxied || LOOPBACK.test(hostname)) return fetch;
  const { EnvHttpProxyAgent, fetch: fetchOfUndici } = await import('undici');
  const dispatcher = new EnvHttpProxyAgent();
  return (url, request) => fetchOfUndici(url, { ...request, dispatcher });
}

/**
 * Makes a request.
 *
 * @param whenUnsure for a request that may have had an effect: what to do about it.
 * @throws {CommandError} when there is no answer, and what the signal was aborted with.
 */
export async function httpFetch(url: URL, request: HttpRequest, whenUnsure = ''): Promise<Response> {
  try {
    const fetched = await fetchFor(url);
    return await fetched(url, request);
  } catch (thrown) {
    throw noAnswer(url, request.signal, thrown, whenUnsure);
  }
}

/** The error for an exchange that broke off: no answer, or not the whole of it. */
export function noAnswer({ host }: URL, signal: AbortSignal, thrown: unknown, whenUnsure = ''): Error {
  const reason: unknown = signal.aborted ? signal.reason : thrown;
  if (reason instanceof CommandError) return reason;
  if (reason instanceof Error && reason.name === 'AbortError') return reason;
  const code = codeOf(reason);
  const wasSent = code === undefined || !isNeverConnected(code);
  return new CommandError(
    [`${host} ${reasonFor(code, reason)}.`, (wasSent && whenUnsure) || adviceFor(code)].join(' '),
    EXIT_CODES.unreachable,
    { cause: thrown },
  );
}

function codeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  if (thrown.name === 'TimeoutError') return 'ETIMEDOUT';
  const { code, cause } = thrown as NodeJS.ErrnoException;
  // With several addresses the first error says as much as the others.
  const [first] = cause instanceof AggregateError ? (cause.errors as unknown[]) : [cause];
  return codeOf(first) ?? code;
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'is not reachable: nothing listens there',
  ENOTFOUND: 'is not reachable: there is no such host',
  EAI_AGAIN: 'is not reachable: its name cannot be resolved now',
  EHOSTUNREACH: 'is not reachable: there is no way to this host',
  ENETUNREACH: 'is not reachable: there is no way to this host',
  EHOSTDOWN: 'is not reachable: this host is down',
  ETIMEDOUT: 'does not answer in time',
  UND_ERR_CONNECT_TIMEOUT: 'does not answer in time',
  ERR_SSL_WRONG_VERSION_NUMBER: 'does not speak TLS: its address begins with http, not https',
};

function reasonFor(code: string | undefined, thrown: unknown): string {
  if (code !== undefined && isCertificateError(code))
    return `has a certificate that is not trusted (${code})`;
  const known = code === undefined ? undefined : REASONS[code];
  return (
    known ??
    `closed the connection (${code ?? (thrown instanceof Error ? thrown.message : 'unknown reason')})`
  );
}

function adviceFor(code: string | undefined): string {
  if (code !== undefined && isCertificateError(code))
    return 'For an authority of your own, set NODE_EXTRA_CA_CERTS to the file of its certificate.';
  if (code === 'ECONNREFUSED')
    return 'Start the server there (cyberun-mcp serve), or name another with CYBERUN_URL.';
  return 'Check the address (CYBERUN_URL or cyberun-mcp login) and the network, and try again.';
}
