import { CommandError, EXIT_CODES } from './command-error.js';
import { readLogin } from './login-file.js';

/** The server that commands talk to, and the key that they send. */
export interface Server {
  /** Base URL of its Runtime API, ending in `/api/v1`. */
  readonly url: string;
  readonly key: string;
  /** Where the key comes from, for sentences. */
  readonly keyFrom: string;
}

export const DEFAULT_URL = 'http://127.0.0.1:8080';

const KEY = /^[\x21-\x7e]{1,500}$/;
const KEY_RULE = 'An integration key begins with sk- and has no spaces.';

/**
 * The base URL of the Runtime API: from a server's origin, or from the address of its API or MCP endpoint.
 *
 * @param name of the place that the text comes from.
 */
export function apiUrl(text: string, name: string): string {
  const url = URL.parse(text.trim());
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === '')
    throw new CommandError(
      `${name} is "${text}", but must be the http or https address of a server. Example: https://cyberun.example.com`,
    );
  if (url.username !== '' || url.password !== '')
    throw new CommandError(
      `${name} holds a user or a password. Give the address alone; the key comes from CYBERUN_API_KEY or login.`,
    );
  const prefix = url.pathname.replace(/\/+$/, '').replace(/\/api\/v1(\/mcp)?$/, '');
  return `${url.origin}${prefix}/api/v1`;
}

/** @throws {CommandError} for a text that cannot be a key, without repeating it. */
export function checkedKey(text: string, name: string): string {
  const key = text.trim();
  if (KEY.test(key) && key.startsWith('sk-')) return key;
  const problem = key.startsWith('ak-') ? 'is a key for agents' : 'is not an integration key';
  throw new CommandError(`${name} ${problem}. ${KEY_RULE}`, EXIT_CODES.signedOut);
}

/** The server and key of the option `--url`, CYBERUN_URL and CYBERUN_API_KEY, else those of `login`. */
export async function findServer(
  environment: NodeJS.ProcessEnv = process.env,
  option?: string,
): Promise<Server> {
  const place = option === undefined ? 'CYBERUN_URL' : '--url';
  const given = option ?? (environment['CYBERUN_URL']?.trim() || undefined);
  const key = environment['CYBERUN_API_KEY']?.trim() || undefined;
  const url = given === undefined ? undefined : apiUrl(given, place);
  const login = url !== undefined && key !== undefined ? undefined : await readLogin();
  if (key !== undefined)
    return {
      url: url ?? login?.url ?? apiUrl(DEFAULT_URL, 'the address'),
      key: checkedKey(key, 'CYBERUN_API_KEY'),
      keyFrom: 'CYBERUN_API_KEY',
    };
  if (!login)
    throw new CommandError(
      'Not signed in. Sign in with: cyberun-mcp login, or set CYBERUN_API_KEY (and CYBERUN_URL for a server elsewhere). A server on this machine makes keys with: cyberun-mcp keys create',
      EXIT_CODES.signedOut,
    );
  // The key of one server must not be sent to another.
  if (url !== undefined && url !== login.url)
    throw new CommandError(
      `${place} names ${url}, but the login is for ${login.url}, whose key is not sent elsewhere. Set CYBERUN_API_KEY, too, or sign in there: cyberun-mcp login`,
      EXIT_CODES.signedOut,
    );
  return { url: login.url, key: login.key, keyFrom: 'login' };
}
