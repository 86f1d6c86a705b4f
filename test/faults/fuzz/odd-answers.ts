import * as fc from 'fast-check';

import type { Step } from '../../e2e/service-support/service-fixture.js';

const oneOf = (...texts: string[]) => fc.constantFrom(...texts);
const bytes = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array).toString('latin1'));

const version = fc.oneof(
  { weight: 9, arbitrary: fc.constant('HTTP/1.1') },
  oneOf('HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/9.9', 'http/1.1', 'HTTP', 'ICY', ''),
);
const status = fc.oneof(
  { weight: 4, arbitrary: oneOf('200', '201', '206', '301', '404', '503') },
  oneOf(
    '200',
    '200',
    '204',
    '304',
    '404',
    '500',
    '100',
    '101',
    '102',
    '103',
    '600',
    '999',
    '000',
    '099',
    '+200',
    '20',
    '2000',
    '-1',
    'abc',
    '',
  ),
  fc.integer({ min: 0, max: 1100 }).map(String),
);
const statusLine = fc
  .tuple(version, status, fc.oneof(oneOf('OK', '', 'Caf\u00E9', 'a\tb'), bytes(10)))
  .map((parts) => parts.join(' '));

const name = fc.oneof(
  oneOf(
    'X-A',
    'Content-Type',
    'Connection',
    'Upgrade',
    'Keep-Alive',
    'Trailer',
    'Set-Cookie',
    'Location',
    'Date',
    'Via',
  ),
  oneOf(
    '__proto__',
    'constructor',
    'cyberun-connection-failure',
    ':status',
    'Bad Name',
    '',
    'x\u00E9',
    'HTTP2-Settings',
  ),
  bytes(8),
);
const value = fc.oneof(
  oneOf(
    '1',
    '',
    'close',
    'keep-alive, X-A',
    'Upgrade',
    'websocket',
    'h2c',
    'caf\u00E9',
    '\u0000',
    '\u007F',
    'a\tb',
    '//x/',
    'http://[',
    '/a',
  ),
  fc.constant('x'.repeat(3000)),
  bytes(30),
);
const header = fc.tuple(name, oneOf(': ', ':', ' : ', ' '), value).map((parts) => parts.join(''));
const framing = fc.oneof(
  fc.constant([]),
  fc.nat(40).map((length) => [`Content-Length: ${length}`]),
  fc.constantFrom(
    ['Content-Length: -1'],
    ['Content-Length: 5, 5'],
    ['Content-Length: 5', 'Content-Length: 6'],
    ['Content-Length: 99999999999999999999'],
    ['Content-Length: 0x5'],
    ['Transfer-Encoding: chunked'],
    ['Transfer-Encoding: gzip'],
    ['Transfer-Encoding: chunked, gzip'],
    ['Transfer-Encoding: chunked', 'Content-Length: 5'],
  ),
);

const chunk = fc
  .tuple(
    fc.oneof(oneOf('5', '0', 'ffffffffffffffff', '-1', 'x', '', '5;a=b'), fc.nat(9).map(String)),
    bytes(9),
  )
  .map(([size, data]) => `${size}\r\n${data}\r\n`);
const trailers = oneOf(
  '',
  '0\r\n\r\n',
  '0\r\nX-Sum: 1\r\n\r\n',
  '0\r\nContent-Length: 9\r\n\r\n',
  '0\r\nBad Name: 1\r\n\r\n',
  '0\r\n',
);
const body = fc.oneof(
  bytes(40),
  fc.tuple(fc.array(chunk, { maxLength: 4 }), trailers).map(([chunks, end]) => chunks.join('') + end),
  fc.constant('x'.repeat(20)),
);

const message = fc
  .tuple(
    statusLine,
    fc.array(header, { maxLength: 4 }),
    framing,
    oneOf('\r\n', '\r\n', '\r\n', '\n', '\r'),
    body,
  )
  .map(
    ([line, headers, lengths, end, content]) =>
      [line, ...headers, ...lengths, end === '\r\n' ? '\r\n' : end].join(end) + content,
  );
const said = fc.oneof(
  { weight: 8, arbitrary: message },
  fc.tuple(message, message).map((two) => two.join('')),
  bytes(200),
);

/** What goes between two pieces of an answer, and after the last. */
const pause: fc.Arbitrary<Step[]> = fc.constantFrom<Step[]>([], [], [['wait', 3]]);
const end: fc.Arbitrary<Step[]> = fc.constantFrom<Step[]>(
  [['end']],
  [['end']],
  [['reset']],
  [['wait', 3], ['reset']],
  [['wait', 3], ['end']],
);

/** Answers as services may send them: right ones, wrong ones, and what is none; in pieces, ended or reset. */
export const oddAnswers: fc.Arbitrary<Step[]> = fc
  .tuple(said, fc.nat(100), pause, end)
  .map(([text, percent, between, last]) => {
    const cut = Math.floor((text.length * percent) / 100);
    return [['say', text.slice(0, cut)], ...between, ['say', text.slice(cut)], ...last];
  });
