import type { IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';

import { ClientAddresses } from './client-addresses.js';

const request = (remoteAddress: string | undefined, forwarded?: string): IncomingMessage =>
  ({
    socket: { remoteAddress },
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
  }) as unknown as IncomingMessage;

it.each([
  ['203.0.113.7', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['::FFFF:203.0.113.7', '203.0.113.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002::1', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:db8:1::', '2001:db8:1:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  [undefined, undefined],
])('a connection from %s counts for %s', (remote, counted) => {
  expect(new ClientAddresses([]).of(request(remote))).toBe(counted);
});

it('without trusted proxies the header X-Forwarded-For counts for nothing', () => {
  expect(new ClientAddresses([]).of(request('203.0.113.7', '198.51.100.1'))).toBe('203.0.113.7');
});

it('a header from an address that is not trusted counts for nothing', () => {
  const addresses = new ClientAddresses(['10.0.0.0/8']);
  expect(addresses.of(request('203.0.113.7', '198.51.100.1'))).toBe('203.0.113.7');
});

it.each([
  ['10.1.2.3', undefined, true],
  ['::ffff:10.1.2.3', undefined, true],
  ['10.1.2.3', '198.51.100.1', false],
  ['10.1.2.3', '10.9.9.9', false],
  ['10.1.2.3', '', false],
  ['198.51.100.1', undefined, false],
  [undefined, undefined, false],
])('whether %s with X-Forwarded-For "%s" is a trusted caller itself is %s', (peer, forwarded, is) => {
  expect(new ClientAddresses(['10.0.0.0/8']).isTrustedCaller(request(peer, forwarded))).toBe(is);
});

it.each([
  ['198.51.100.1', '198.51.100.1'],
  // The client has invented the first one.
  ['192.0.2.9, 198.51.100.1', '198.51.100.1'],
  ['192.0.2.9, 198.51.100.1, 10.3.4.5, 10.9.9.9', '198.51.100.1'],
  ['198.51.100.1:51234', '198.51.100.1'],
  ['2001:db8::1, fd00::7', '2001:db8:0:0::/64'],
  ['[2001:db8::1]:443', '2001:db8:0:0::/64'],
  ['"[2001:db8::1]"', '2001:db8:0:0::/64'],
  ['192.0.2.9, unknown', undefined],
  ['10.1.1.1, 10.2.2.2', undefined],
  [',198.51.100.1', '198.51.100.1'],
  ['198.51.100.1,', undefined],
  [`198.51.100.1${', 10.1.1.1'.repeat(19)}`, '198.51.100.1'],
  // More proxies than there are.
  [`198.51.100.1${', 10.1.1.1'.repeat(20)}`, undefined],
  ['', undefined],
  [undefined, undefined],
])('behind trusted proxies, the client of X-Forwarded-For "%s" is %s', (forwarded, counted) => {
  const addresses = new ClientAddresses(['10.0.0.0/8', 'fd00::/8', '192.0.2.1']);
  for (const peer of ['10.1.2.3', '::ffff:10.1.2.3', 'fd00::1', '192.0.2.1'])
    expect(addresses.of(request(peer, forwarded)), peer).toBe(counted);
});
