/** The REST API beside the page: a proxy may serve both below any path. */
const BASE = new URL('../api/v1/', document.baseURI);
/** Tells the server that a script of this origin asks, which the page of another site cannot say. */
const HEADERS = { 'Cyberun-Console': '1' };

/** An answer of the API that is an error; its message is for people. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export type Query = Readonly<Record<string, string | number | undefined>>;

export interface Sent {
  readonly query?: Query;
  readonly body?: object;
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Called when the API no longer accepts the session. */
let onSignedOut: () => void = () => undefined;
export const whenSignedOut = (callback: () => void): void => {
  onSignedOut = callback;
};

/** @throws {ApiError} when the answer is an error, or there is none. */
export async function send(method: string, path: string, sent: Sent = {}): Promise<Response> {
  const { query = {}, body, signal, headers } = sent;
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== '') url.searchParams.set(name, String(value));
  const response = await fetch(url, {
    method,
    headers: { ...HEADERS, ...headers, ...(body && { 'Content-Type': 'application/json' }) },
    credentials: 'same-origin',
    ...(body && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  }).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    throw new ApiError(0, 'The server cannot be reached. Is it running?');
  });
  if (response.ok) return response;
  if (response.status === 401 && path !== 'session') onSignedOut();
  throw new ApiError(response.status, await messageOf(response));
}

export async function call<Answer>(method: string, path: string, sent?: Sent): Promise<Answer> {
  const response = await send(method, path, sent);
  return (response.status === 204 ? undefined : await response.json()) as Answer;
}

export const get = <Answer>(path: string, query?: Query, signal?: AbortSignal): Promise<Answer> =>
  call<Answer>('GET', path, { ...(query && { query }), ...(signal && { signal }) });

export const post = <Answer>(path: string, body: object = {}): Promise<Answer> =>
  call<Answer>('POST', path, { body });

async function messageOf(response: Response): Promise<string> {
  const fallback = `The server answered with status ${response.status}.`;
  const answer = (await response.json().catch(() => ({}))) as { error_message?: string };
  return answer.error_message ?? fallback;
}

/** Links are made for the public address; the page may have been opened by another name of the same server. */
const OURS = /\/api\/v1\/(?:files|links)\/.*$/;

export function reachable(link: string): string {
  const { pathname, search } = new URL(link);
  const path = OURS.exec(pathname)?.[0];
  return path === undefined ? link : new URL(path.replace('/api/v1/', '') + search, BASE).href;
}
