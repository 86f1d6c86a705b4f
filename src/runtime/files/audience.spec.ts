import { describe, expect, it } from 'vitest';

import type { Addresses } from '../../config/index.js';
import { audienceOf, isInside } from './audience.js';

const addresses = {
  public: 'https://Cyberun.Example.com:443/base',
  loopback: 'http://127.0.0.1:8080',
} as Addresses;

describe('audienceOf', () => {
  it.each(['https://cyberun.example.com/base', 'https://CYBERUN.example.com:443/base/'])(
    'takes %s for the public address, however both are written',
    (dialled) => expect(audienceOf(dialled, addresses)).toBe('public'),
  );

  it.each([undefined, 'nonsense', 'ftp://cyberun.example.com'])('takes %s for a client', (dialled) =>
    expect(audienceOf(dialled, addresses)).toBe('public'),
  );
});

describe('isInside', () => {
  it.each([
    'http://cyberun-runtime:8080',
    'http://cyberun-runtime.team.svc',
    'http://cyberun-runtime.team.svc.cluster.local:8080',
    'http://runtime.team.svc.example.net',
    'http://runtime.lan.internal',
    'http://10.1.2.3:8080',
    'http://[fd00::7]:8080',
    'http://127.0.0.1:8080',
  ])('an agent that has dialled %s reaches the internal endpoint', (dialled) =>
    expect(isInside(audienceOf(dialled, addresses))).toBe(true),
  );

  it.each([
    'https://second.example.com',
    'https://203.0.113.7',
    'https://[2001:db8::7]',
    'https://svc.example.com',
  ])('an agent that has dialled %s gets the links of clients', (dialled) =>
    expect(isInside(audienceOf(dialled, addresses))).toBe(false),
  );
});
