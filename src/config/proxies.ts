import { SettingError } from './config.js';

/** The proxies of a machine, by the variables that other programs read, too. */
export interface Proxies {
  /** For `http:` and `ws:`. */
  readonly http: URL | undefined;
  /** For `https:` and `wss:`. */
  readonly https: URL | undefined;
  /** Hosts that are reached without a proxy; `*` is every host. */
  readonly except: readonly string[];
}

const VARIABLES = ['http_proxy', 'https_proxy', 'no_proxy'] as const;

/** @throws {SettingError} when a proxy is not a URL; it is not shown, as it may hold a password. */
export function readProxies(environment: NodeJS.ProcessEnv = process.env): Proxies {
  const [http, https, except] = VARIABLES.map((name) => valueOf(name, environment));
  const forHttp = proxyAt('HTTP_PROXY', http);
  return {
    http: forHttp,
    https: proxyAt('HTTPS_PROXY', https) ?? forHttp,
    except: (except ?? '')
      .toLowerCase()
      .split(/[,\s]+/)
      .filter(Boolean),
  };
}

/** The variables themselves, in both spellings, for programs that are to use the same proxies. */
export function proxyVariables(environment: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const given = VARIABLES.flatMap((name) => {
    const value = valueOf(name, environment);
    return value === undefined ? [] : [[name, value] as const, [name.toUpperCase(), value] as const];
  });
  return Object.fromEntries(given);
}

/** The small spelling wins, as with curl. */
function valueOf(name: string, environment: NodeJS.ProcessEnv): string | undefined {
  const value = (environment[name] ?? environment[name.toUpperCase()] ?? '').trim();
  return value === '' ? undefined : value;
}

function proxyAt(name: string, value: string | undefined): URL | undefined {
  if (value === undefined) return undefined;
  const url = URL.parse(value.includes('://') ? value : `http://${value}`);
  if (url && /^https?:$/.test(url.protocol) && url.hostname !== '') return url;
  throw new SettingError(
    `${name} is a value that is not shown, but it must be an http or https URL. Example: http://proxy.example.com:3128`,
  );
}

const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d+){3}|::1)$/;
const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  'http:': '80',
  'ws:': '80',
  'https:': '443',
  'wss:': '443',
};

/** The proxy on the way to an address; `undefined` when there is none. This machine never needs one. */
export function proxyFor(
  { protocol, hostname, port }: URL,
  { http, https, except }: Proxies,
): URL | undefined {
  const host = bare(hostname);
  const proxy = /^(https|wss):$/.test(protocol) ? https : http;
  if (proxy === undefined || LOOPBACK.test(host)) return undefined;
  const actualPort = port === '' ? DEFAULT_PORTS[protocol] : port;
  return except.some((entry) => isExcepted(entry, host, actualPort)) ? undefined : proxy;
}

function isExcepted(entry: string, host: string, port: string | undefined): boolean {
  const [, name = '', only] = /^(\[.*\]|[^:]*|.*:.*:.*?)(?::(\d+))?$/.exec(entry) ?? [];
  if (only !== undefined && only !== port) return false;
  if (name === '*') return true;
  const domain = bare(name.replace(/^\*?\./, ''));
  return host === domain || host.endsWith(`.${domain}`);
}

/** Without the brackets of an IPv6 address, and without the dot that ends a full name. */
const bare = (host: string): string =>
  host
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase();
