import { createParser } from 'eventsource-parser';

import { initialize, LEGACY, type Row } from './row.js';

/** What of an answer has to agree. */
export interface Observed {
  readonly status: number;
  /** `stream` and `json` say the same when only the SDK's side has to stream. */
  readonly form: 'json' | 'stream' | 'nothing' | 'other';
  readonly hasSession: boolean;
  readonly allow: string | null;
  readonly messages: unknown[];
}

/** One side of the comparison: an endpoint, and what every request to it carries. */
export interface Side {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Sends a row to one side and notes what comes back. */
export async function exchange(side: Side, row: Row): Promise<Observed> {
  const session = row.session === 'live' ? await openSession(side) : row.session;
  const { method = 'POST' } = row;
  const response = await fetch(side.url, {
    method,
    headers: headersOf(side, row, session),
    ...(method !== 'GET' && { body: row.raw ?? (row.body === undefined ? null : JSON.stringify(row.body)) }),
    signal: AbortSignal.timeout(10_000),
  });
  const form = formOf(response);
  const content = await response.text();
  return {
    status: response.status,
    form,
    hasSession: response.headers.has('mcp-session-id'),
    allow: response.headers.get('allow'),
    messages: messagesIn(form, content),
  };
}

async function openSession(side: Side): Promise<string> {
  const response = await fetch(side.url, {
    method: 'POST',
    headers: {
      ...side.headers,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify(initialize(LEGACY)),
  });
  await response.text();
  const id = response.headers.get('mcp-session-id');
  if (id === null) throw new Error(`no session was opened: ${response.status}`);
  return id;
}

function headersOf(side: Side, row: Row, session: string | undefined): Record<string, string> {
  const isGet = row.method === 'GET';
  const usual: Record<string, string | null> = {
    ...side.headers,
    Accept: isGet ? 'text/event-stream' : 'application/json, text/event-stream',
    ...(!isGet && { 'Content-Type': 'application/json' }),
    ...(session !== undefined && { 'Mcp-Session-Id': session }),
    ...(row.session === 'live' && { 'MCP-Protocol-Version': LEGACY }),
    ...row.headers,
  };
  return Object.fromEntries(
    Object.entries(usual).filter((entry): entry is [string, string] => entry[1] !== null),
  );
}

function formOf({ headers }: Response): Observed['form'] {
  const type = headers.get('content-type');
  if (type === null) return 'nothing';
  if (type.startsWith('application/json')) return 'json';
  return type === 'text/event-stream' ? 'stream' : 'other';
}

function messagesIn(form: Observed['form'], content: string): unknown[] {
  if (form !== 'stream') {
    if (content === '') return [];
    const body = JSON.parse(content) as unknown;
    // The order of the answers to a batch is not specified.
    return Array.isArray(body) ? body.toSorted((one, other) => one.id - other.id) : [body];
  }
  const messages: unknown[] = [];
  // Empty is the event a stream begins with that can be resumed; the SDK sends it when it has been given a store.
  const parser = createParser({ onEvent: ({ data }) => data !== '' && messages.push(JSON.parse(data)) });
  parser.feed(content);
  return messages;
}
