import { readFileSync } from 'node:fs';

import type { z } from 'zod';

import { type Feature, FEATURES_HEADER, parseExact } from '../../contract/index.js';
import { CommandError, EXIT_CODES } from './command-error.js';
import { httpFetch, noAnswer } from './http-fetch.js';
import { plainText } from './printing.js';
import { findServer, type Server } from './server-address.js';

const TIMEOUT_MS = 60_000;
const PERMISSIONS = 'cyberun-permissions';

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

type Query = Readonly<Record<string, string | number | undefined>>;

interface Sent {
  readonly method?: 'GET' | 'POST';
  /** Segments below the base URL, not encoded. */
  readonly path: readonly string[];
  readonly query?: Query;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** For a POST: what to do when it is unknown whether it took effect. */
  readonly whenUnsure?: string;
}

export interface ApiAnswer<Answer> {
  readonly data: Answer;
  readonly headers: Headers;
}

/** The Runtime API for commands. Unlike `upstream` it loads neither Nest nor axios, and its errors are for people. */
export class ApiClient {
  constructor(readonly server: Server) {}

  /** With server and key of the environment, or of `login`. */
  static async open(): Promise<ApiClient> {
    return new ApiClient(await findServer());
  }

  async get<Answer>(path: readonly string[], answer: z.ZodType<Answer>, query?: Query): Promise<Answer> {
    return (await this.send({ path, ...(query && { query }) }, answer)).data;
  }

  /** @throws {CommandError} unless the server answers with success and what the contract describes. */
  async send<Answer>(request: Sent, answer: z.ZodType<Answer>): Promise<ApiAnswer<Answer>> {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const signal = request.signal ? AbortSignal.any([request.signal, timeout]) : timeout;
    const response = await this.request({ ...request, signal }, 'application/json');
    const text = await response.text().catch((thrown: unknown) => {
      throw noAnswer(this.urlOf(request), signal, thrown, request.whenUnsure);
    });
    if (!response.ok) throw this.rejection(response, text);
    const { data, success } = answer.safeParse(json(text));
    if (success) return { data, headers: response.headers };
    throw this.notOurs(response);
  }

  /** An open stream of server-sent events. */
  async events(request: Sent & { readonly signal: AbortSignal }): Promise<AsyncIterable<Uint8Array>> {
    const response = await this.request(request, 'text/event-stream');
    if (!response.ok) throw this.rejection(response, await response.text().catch(() => ''));
    if (response.body && response.headers.get('content-type')?.startsWith('text/event-stream'))
      return response.body;
    await response.body?.cancel();
    throw this.notOurs(response);
  }

  private request(
    { method = 'GET', body, headers, signal, whenUnsure, ...rest }: Sent & { readonly signal: AbortSignal },
    accept: string,
  ): Promise<Response> {
    const init = {
      method,
      headers: {
        Authorization: `Bearer ${this.server.key}`,
        Accept: accept,
        'User-Agent': `cyberun-mcp/${version}`,
        ...(body && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
      // The key must not go elsewhere.
      redirect: 'manual',
      signal,
    } as const;
    return httpFetch(this.urlOf(rest), init, whenUnsure);
  }

  private urlOf({ path, query = {} }: Pick<Sent, 'path' | 'query'>): URL {
    const url = new URL(`${this.server.url}/${path.map(encodedSegment).join('/')}`);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    return url;
  }

  private rejection(response: Response, text: string): CommandError {
    const { status, headers } = response;
    const location = headers.get('location');
    if (status >= 300 && status < 400 && location !== null)
      return new CommandError(
        `${this.server.url} redirects to ${plainText(new URL(location, this.server.url).origin)}, where the key is not sent. Name that address if it is right: CYBERUN_URL or cyberun-mcp login`,
      );
    if (status === 401)
      return new CommandError(
        `${this.server.url} refuses the key of ${this.server.keyFrom}: it is wrong, revoked or expired. Get another one (on the machine of the server: cyberun-mcp keys create), then: cyberun-mcp login`,
        EXIT_CODES.signedOut,
      );
    const reason = reasonIn(json(text));
    if (reason === undefined) return this.notOurs(response);
    return new ApiRejection(plainText(reason), response);
  }

  private notOurs({ status }: Response): CommandError {
    return new CommandError(
      `${this.server.url} answers with something else than the Runtime API of Cyberun (status ${status}). Commands need a server with the runtime: a gateway (role mcp) has the MCP endpoint alone. Name the other address with CYBERUN_URL or cyberun-mcp login.`,
      status >= 500 ? EXIT_CODES.unreachable : EXIT_CODES.refused,
    );
  }
}

/** An answer whose status is not one of success, with the reason that the server gives. */
export class ApiRejection extends CommandError {
  readonly status: number;

  constructor(reason: string, { status, headers }: Response) {
    const seconds = headers.get('retry-after');
    const wait = seconds !== null && /^\d+$/.test(seconds) ? ` Try again in ${seconds} s.` : '';
    super(`${capitalised(reason)}${/[.!?…]$/.test(reason) ? '' : '.'}${wait}`);
    this.status = status;
  }
}

/** Whether a runtime announces what it has beyond the common API. */
export const announces = (headers: Headers, feature: Feature): boolean =>
  namesIn(headers.get(FEATURES_HEADER)).includes(feature);

/** What the key may do; `undefined` when the runtime does not say. */
export function permissionsIn(headers: Headers): readonly string[] | undefined {
  const list = headers.get(PERMISSIONS);
  return list === null ? undefined : namesIn(list);
}

const namesIn = (list: string | null): string[] =>
  (list ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');

/** Encoding alone does not stop `..`. */
function encodedSegment(segment: string): string {
  if (
    segment === '' ||
    segment === '.' ||
    segment === '..' ||
    /[\p{Cc}/\\]/u.test(segment) ||
    !segment.isWellFormed()
  )
    throw new CommandError(`"${plainText(segment)}" is not an id or a name. Copy it from the list.`);
  return encodeURIComponent(segment).replaceAll('%40', '@');
}

function json(text: string): unknown {
  if (text === '') return {};
  try {
    return parseExact(text);
  } catch {
    return undefined;
  }
}

/** Deployments differ in the name of the field. */
function reasonIn(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { error_message, message, error } = body as Record<string, unknown>;
  return [error_message, message, error].find((text) => typeof text === 'string' && text.trim() !== '') as
    string | undefined;
}

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
