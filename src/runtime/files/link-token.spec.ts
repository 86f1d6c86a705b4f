import { randomUUID } from 'node:crypto';

import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { expect, it } from 'vitest';

import { uuidV7 } from '../database/index.js';
import { linkToken, readLinkToken } from './link-token.js';

const SECRET = 'a secret';
const grant = () => ({ linkId: randomUUID(), credentialId: uuidV7(), expires: 4_000_000_000 });

it('a token gives back what it was made of, and is signed for its key and its secret only', () => {
  const given = grant();
  const read = readLinkToken(linkToken(given, SECRET));
  expect(read).toMatchObject({
    linkId: given.linkId,
    expires: given.expires,
    keyTail: given.credentialId.slice(-8),
  });
  expect(read?.isSignedFor(given.credentialId, SECRET)).toBe(true);
  expect(read?.isSignedFor(given.credentialId, 'another secret')).toBe(false);
  expect(read?.isSignedFor(`f${given.credentialId.slice(1)}`, SECRET)).toBe(false);
});

it('a token with any other character is refused', () => {
  const given = grant();
  const token = linkToken(given, SECRET);
  for (let index = 0; index < token.length; index += 1) {
    const other = token[index] === 'A' ? 'B' : 'A';
    const changed = token.slice(0, index) + other + token.slice(index + 1);
    expect(readLinkToken(changed)?.isSignedFor(given.credentialId, SECRET) ?? false, changed).toBe(false);
  }
});

it.each(['', 'a', 'a'.repeat(53), 'a'.repeat(55), `${'a'.repeat(53)}=`, `${'a'.repeat(53)}!`])(
  'the text "%s" is no token',
  (text) => {
    expect(readLinkToken(text)).toBeUndefined();
  },
);

it('a link has at most 60 tokens with a usual name of a host', () => {
  const links = Array.from(
    { length: 300 },
    () => `https://cyberun.example.com/api/v1/links/${linkToken(grant(), SECRET)}`,
  );
  expect(Math.max(...links.map((link) => countTokens(JSON.stringify(link))))).toBeLessThanOrEqual(60);
});
