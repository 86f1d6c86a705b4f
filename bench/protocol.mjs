import { request } from 'undici';

/** The two eras of the protocol, as their last revisions. */
export const SESSIONS = '2025-11-25';
export const STATELESS = '2026-07-28';
export const ERAS = [SESSIONS, STATELESS];

export const KEY = 'sk-benchmark-key-0123456789';
const CLIENT = { name: 'bench', version: '1.0.0' };
const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': STATELESS,
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': CLIENT,
};

const baseHeaders = (key) => ({
  accept: 'application/json, text/event-stream',
  'content-type': 'application/json',
  authorization: `Bearer ${key}`,
});

async function post(endpoint, headers, message) {
  const body = JSON.stringify({ jsonrpc: '2.0', ...message });
  const answer = await request(endpoint, { method: 'POST', headers, body });
  return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
}

/** Opens a session as a 2025-era client does; returns the headers that belong to it. */
export async function openSession(endpoint, key = KEY) {
  const headers = baseHeaders(key);
  const params = { protocolVersion: SESSIONS, capabilities: {}, clientInfo: CLIENT };
  const opened = await post(endpoint, headers, { id: 0, method: 'initialize', params });
  const session = opened.headers['mcp-session-id'];
  if (opened.status !== 200 || session === undefined) {
    throw new Error(`${endpoint} opened no session: ${opened.status} ${opened.text.slice(0, 300)}`);
  }
  const ofSession = { ...headers, 'mcp-session-id': session, 'mcp-protocol-version': SESSIONS };
  const accepted = await post(endpoint, ofSession, { method: 'notifications/initialized' });
  if (accepted.status !== 202) throw new Error(`${endpoint} refused initialized: ${accepted.status}`);
  return ofSession;
}

export async function closeSession(endpoint, headers) {
  const { statusCode, body } = await request(endpoint, { method: 'DELETE', headers });
  await body.dump();
  if (statusCode >= 300) throw new Error(`${endpoint} did not end a session: ${statusCode}`);
}

/** Headers and parameters of one call in either era. `session` is what {@link openSession} returned. */
export function callIn(era, { method, params = {}, session, key = KEY }) {
  if (era === SESSIONS) return { headers: session, method, params };
  const { name } = params;
  const headers = { ...baseHeaders(key), 'mcp-protocol-version': STATELESS, 'mcp-method': method };
  return {
    headers: name === undefined ? headers : { ...headers, 'mcp-name': name },
    method,
    params: { ...params, _meta: { ...ENVELOPE, ...params._meta } },
  };
}

/** The body of a call around its id, so that every request of a window gets an id of its own. */
export function bodyAround({ method, params }) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 0, method, params });
  const [before, after] = body.split('"id":0');
  return { before: `${before}"id":`, after };
}

/** The result in an answer, whether JSON or server-sent events; throws on an error of any kind. */
export function resultOf(text) {
  const data = text.startsWith('{') ? text : /^data: ?(\{.*"(?:result|error)".*)$/m.exec(text)?.[1];
  const { result, error } = JSON.parse(data ?? '{}');
  if (result === undefined || error !== undefined || result.isError) {
    throw new Error(`not a result: ${text.slice(0, 500)}`);
  }
  return result;
}

/** One call, answered. */
export async function call(endpoint, era, what) {
  const { headers, method, params } = callIn(era, what);
  const { text } = await post(endpoint, headers, { id: 1, method, params });
  return resultOf(text);
}
