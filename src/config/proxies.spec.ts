import { expect, it } from 'vitest';

import { proxyFor, proxyVariables, readProxies } from './proxies.js';

const proxies = readProxies({ HTTPS_PROXY: 'http://secure:1', http_proxy: 'plain:2' });
const hostFor = (url: string, given = proxies): string | undefined => proxyFor(new URL(url), given)?.host;

it.each([
  ['http://a.example', 'plain:2'],
  ['ws://a.example', 'plain:2'],
  ['https://a.example', 'secure:1'],
  ['wss://a.example', 'secure:1'],
  ['http://127.0.0.1:8080', undefined],
  ['https://localhost', undefined],
  ['http://[::1]:80', undefined],
])('the proxy for %s is %s', (url, proxy) => {
  expect(hostFor(url)).toBe(proxy);
});

it.each([
  ['a.example', 'https://a.example', true],
  ['a.example', 'https://b.a.example', true],
  ['a.example', 'https://ba.example', false],
  ['.a.example', 'https://b.a.example', true],
  ['*.a.example', 'https://b.a.example', true],
  ['A.Example, other', 'https://a.example.', true],
  ['other a.example:8443', 'https://a.example:8443', true],
  ['a.example:8443', 'https://a.example', false],
  ['a.example:443', 'https://a.example', true],
  ['[fd00::1]:443', 'https://[fd00::1]', true],
  ['fd00::1', 'https://[fd00::1]', true],
  ['10.0.0.7', 'https://10.0.0.7', true],
  ['*', 'https://a.example', true],
  ['', 'https://a.example', false],
])('NO_PROXY=%j and %s: without a proxy is %s', (NO_PROXY, url, isDirect) => {
  const given = readProxies({ NO_PROXY, HTTPS_PROXY: 'http://secure:1' });
  expect(hostFor(url, given) === undefined).toBe(isDirect);
});

it('HTTP_PROXY serves https, too, when there is no HTTPS_PROXY', () => {
  expect(hostFor('https://a.example', readProxies({ HTTP_PROXY: 'http://plain:2' }))).toBe('plain:2');
  expect(hostFor('https://a.example', readProxies({ HTTP_PROXY: ' ' }))).toBeUndefined();
});

it.each(['ftp://proxy', 'http://', 'socks5://me:secret@proxy'])(
  'a proxy %s is refused and not shown',
  (url) => {
    expect(() => readProxies({ HTTPS_PROXY: url })).toThrow(/^HTTPS_PROXY is a value that is not shown, but/);
  },
);

it('the variables of proxies are handed on in both spellings', () => {
  expect(proxyVariables({ HTTPS_PROXY: 'http://secure:1', no_proxy: 'a', NO_PROXY: 'b' })).toEqual({
    https_proxy: 'http://secure:1',
    HTTPS_PROXY: 'http://secure:1',
    no_proxy: 'a',
    NO_PROXY: 'a',
  });
});
