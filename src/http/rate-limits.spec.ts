import type { IncomingMessage } from 'node:http';

import { Logger } from '@nestjs/common';
import { expect, it, vi } from 'vitest';

import { readConfig } from '../config/index.js';
import { OWN_REQUEST_HEADER, ownRequestHeaders, RateLimits } from './rate-limits.js';

const settings = { CYBERUN_HTTP_RATE_PER_ADDRESS: '1', CYBERUN_HTTP_TRUSTED_PROXIES: '10.0.0.0/8' };
const inFront = readConfig('mcp', { ...settings, CYBERUN_RUNTIME_URL: 'http://runtime.example.com/api/v1' });
const request = (remoteAddress: string, headers: object = {}): IncomingMessage =>
  ({
    socket: { remoteAddress },
    headers: { ...ownRequestHeaders(inFront), ...headers },
  }) as unknown as IncomingMessage;

it('a server of role mcp marks its requests to the runtime where it counts those of clients, and only there', () => {
  expect(ownRequestHeaders(inFront)).toEqual({ [OWN_REQUEST_HEADER]: 'counted' });
  const uncounted = { CYBERUN_RUNTIME_URL: 'http://runtime.example.com/api/v1' };
  expect(ownRequestHeaders(readConfig('mcp', uncounted))).toBeUndefined();
});

it('the mark counts at the Runtime API for a trusted address, and never at the MCP endpoint', () => {
  const rates = new RateLimits(readConfig('runtime', settings));
  expect(rates.ofRuntime(request('10.1.2.3'))).toBeUndefined();
  expect(rates.of(request('10.1.2.3'))).toBeDefined();
  expect(rates.ofRuntime(request('10.1.2.3', { [OWN_REQUEST_HEADER]: 'true' }))).toBeDefined();
  expect(rates.ofRuntime(request('10.1.2.3', { 'x-forwarded-for': '10.1.2.4' }))).toBeDefined();
});

it('a marked request from an address that is not trusted counts, and the first is logged with the address', () => {
  const warn = vi.spyOn(Logger.prototype, 'warn').mockReturnValue();
  const rates = new RateLimits(readConfig('runtime', settings));
  expect(rates.ofRuntime(request('192.0.2.1', { 'x-forwarded-for': '192.0.2.9' }))).toBeDefined();
  expect(warn).not.toHaveBeenCalled();
  expect(rates.ofRuntime(request('192.0.2.1'))).toBeDefined();
  expect(rates.ofRuntime(request('192.0.2.2'))).toBeDefined();
  expect(warn.mock.calls).toEqual([
    [
      'Requests from 192.0.2.1 say that a server of role mcp has counted them. CYBERUN_HTTP_TRUSTED_PROXIES does not name this address, so all of them count as its own. If such a server runs there, add its network.',
    ],
  ]);
});
