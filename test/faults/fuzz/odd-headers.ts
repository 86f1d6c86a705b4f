import * as fc from 'fast-check';

import { MODERN } from '../../support/odd-messages.js';
import { KEY } from './target.js';

export type Headers = Readonly<Record<string, string>>;

const base64 = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`;

/** Some of everything that may stand in a header at all. */
const LETTERS = ' \t!"#$%&\'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~\u0080\u00e9\u00ff';
const letters = fc
  .string({
    unit: fc.constantFrom(...LETTERS.split('')),
    maxLength: 60,
  })
  .map((text) => text.trim());
const odd = fc.oneof(
  letters,
  fc.constantFrom('', '__proto__', 'constructor', 'toString', 'undefined', 'null', '*', ',', ';', '=', '"'),
  fc.constantFrom('x'.repeat(4000), '%00%0d%0a', '../../etc/passwd', '${7*7}', '{"a":1}', '1e999'),
);
const or = (...values: string[]): fc.Arbitrary<string> =>
  fc.oneof({ arbitrary: fc.constantFrom(...values), weight: 4 }, odd);

const ACCEPT = 'application/json, text/event-stream';

/** Headers this endpoint reads, each absent, right or odd. */
const VALUES: Readonly<Record<string, (session: string) => fc.Arbitrary<string>>> = {
  Authorization: () =>
    or(
      `Bearer ${KEY}`,
      `bearer  ${KEY} `,
      'Bearer',
      'Bearer sk-',
      'Bearer dk-x',
      'Basic c2s6eA==',
      KEY,
      'Bearer é',
    ),
  Accept: () =>
    or(ACCEPT, 'application/json', 'text/event-stream', '*/*', 'text/event-stream;q=0', ACCEPT.toUpperCase()),
  'Content-Type': () =>
    or(
      'application/json',
      'application/json; charset=utf-8',
      'application/json;charset=utf-16',
      'text/plain',
      'multipart/form-data; boundary=x',
    ),
  'Content-Encoding': () => fc.constantFrom('gzip', 'identity', 'x'),
  'MCP-Protocol-Version': () =>
    or('2025-06-18', '2025-11-25', MODERN, '2024-11-05', '1999-01-01', '9999-99-99'),
  'Mcp-Method': () =>
    or('tools/call', 'tools/list', 'ping', base64('tools/call'), '=?base64?!!?=', '=?base64??='),
  'Mcp-Name': () =>
    or(
      'list_workflows',
      'get_task',
      base64('list_workflows'),
      base64('é'),
      '=?base64?/w==?=',
      '=?BASE64?bGlzdA?=',
      '=?base64?',
    ),
  'Mcp-Session-Id': (session) => or(session, session.toUpperCase(), `${session}, ${session}`, `${session} `),
  'Last-Event-ID': () => or('0', '1', 'x-1', '-1', '999999999999999999999'),
  Origin: () =>
    or(
      'http://localhost',
      'http://localhost:1',
      'null',
      'https://evil.example',
      'http://127.0.0.1.evil.example',
      'app://x',
    ),
  Host: () => or('localhost', '127.0.0.1:1', '[::1]', 'evil.example', 'localhost@evil.example', '[', 'a b'),
  traceparent: () => or('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', '00-0-0-0'),
  Cookie: () => odd,
  'X-Forwarded-For': () => odd,
  'Access-Control-Request-Headers': () => odd,
};

const USUAL: Headers = { Authorization: `Bearer ${KEY}`, Accept: ACCEPT, 'Content-Type': 'application/json' };

/** The usual headers, with some of all changed or left out. */
export function oddHeaders(session: string): fc.Arbitrary<Headers> {
  const names = Object.keys(VALUES);
  const change = fc
    .constantFrom(...names)
    .chain((name) => fc.tuple(fc.constant(name), fc.option(VALUES[name]?.(session) ?? odd)));
  return fc
    .tuple(fc.boolean(), fc.array(change, { minLength: 1, maxLength: 5 }))
    .map(([isInSession, changes]) => {
      const headers = new Map(
        Object.entries({ ...USUAL, ...(isInSession && { 'Mcp-Session-Id': session }) }),
      );
      for (const [name, value] of changes) {
        if (value === null) headers.delete(name);
        else headers.set(name, value);
      }
      return Object.fromEntries(headers);
    });
}
