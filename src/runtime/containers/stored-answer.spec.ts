import { assert, constantFrom, oneof, property, string } from 'fast-check';
import { expect, it } from 'vitest';

import { validFileName } from '../../contract/index.js';
import { contentDisposition } from '../files/file-key.js';
import type { ProxyHeaders } from './proxy-headers.js';
import { storedAnswer } from './stored-answer.js';

const OCTETS = 'application/octet-stream';

it.each<[ProxyHeaders, string, [string, string, string[]]]>([
  [{ 'content-type': 'text/csv' }, '/a/report?x=1', ['text/csv', 'report.csv', []]],
  [{}, '/', [OCTETS, 'answer.bin', []]],
  [{ 'content-type': 'text/plain' }, '/B%C3%BCcher%2F..%2Fa', ['text/plain', 'Bücher_.._a', []]],
  [{ 'content-type': 'text/csv' }, '/100%', ['text/csv', '100%.csv', []]],
  [{ 'content-disposition': 'attachment; filename="../../.ssh/keys"' }, '/', [OCTETS, '.._.._.ssh_keys', []]],
  [{ 'content-disposition': 'attachment; filename="../.."' }, '/a.bin', [OCTETS, 'a.bin', []]],
  [
    { 'content-disposition': `attachment; filename*=UTF-8''cod%E2%80%AEgpj.exe.%20` },
    '/',
    [OCTETS, 'cod_gpj.exe', []],
  ],
  [{ 'content-encoding': 'identity', 'content-type': 'text/csv' }, '/report', ['text/csv', 'report.csv', []]],
  [
    { 'content-encoding': 'GZIP, br', 'content-type': 'text/csv' },
    '/report',
    ['text/csv', 'report.csv', ['gzip', 'br']],
  ],
  [
    { 'content-encoding': 'gzip', 'content-type': 'text/csv' },
    '/report.csv.gz',
    ['application/gzip', 'report.csv.gz', []],
  ],
  [
    { 'content-encoding': 'gzip', 'content-type': 'application/gzip' },
    '/backup',
    ['application/gzip', 'backup.gz', []],
  ],
  [
    { 'content-encoding': 'compress', 'content-type': 'text/csv' },
    '/report',
    [OCTETS, 'report.csv.encoded', []],
  ],
])(
  'an answer with the headers %j to %s is stored as %j',
  (headers, path, [contentType, fileName, codings]) => {
    expect(storedAnswer(headers, path)).toEqual({ contentType, fileName, codings });
  },
);

/** Texts with what is dangerous in a name far more often than by chance. */
const odd = string({
  unit: oneof(
    string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    constantFrom('/', '\\', '..', '.', ' ', '\0', '\n', '\r', '\u0085', '\u2028', '"', "'", ';', '%', '*'),
    constantFrom('\u202e', '\u2066', '\u200f', '\ufeff', '\u{e0041}', '\u00ad', '\u{1f468}\u200d\u{1f469}'),
  ),
  maxLength: 300,
});

it('the name of an answer is one part of a path and shows as it is, for any header and any path', () => {
  const header = oneof(
    odd,
    odd.map(contentDisposition),
    odd.map((name) => `attachment; filename="${name}"`),
  );
  assert(
    property(header, odd, odd, (disposition, path, contentType) => {
      const headers = { 'content-disposition': disposition, 'content-type': contentType };
      const { fileName } = storedAnswer(headers, `/${path}`);
      expect(validFileName(fileName)).toBe(fileName);
      expect(Buffer.byteLength(fileName)).toBeLessThanOrEqual(200);
      expect(fileName).not.toMatch(/(?![\u200c\u200d])[/\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      expect(fileName).not.toMatch(/^\s|[\s.]$/);
    }),
    { numRuns: 500 },
  );
});
