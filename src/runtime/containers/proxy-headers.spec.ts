import type { IncomingMessage } from 'node:http';

import { expect, it } from 'vitest';

import { forwardedHeaders, publicAddressOf, withRewrittenLocation } from './proxy-headers.js';

const from = (headers: IncomingMessage['headers'], remoteAddress = '::ffff:10.0.0.7'): IncomingMessage =>
  ({ headers, socket: { remoteAddress } }) as IncomingMessage;
const forwarded = (headers: IncomingMessage['headers'], publicUrl?: string) => {
  const request = from(headers);
  return forwardedHeaders(request, publicAddressOf(request, publicUrl, 'notes'));
};

it('X-Forwarded headers name the caller and the address it has called', () => {
  expect(forwarded({ host: 'runtime:8080' })).toEqual({
    'x-forwarded-for': '10.0.0.7',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'runtime:8080',
    'x-forwarded-prefix': '/api/v1/r/containers/notes',
  });
});

it('X-Forwarded headers extend those of a proxy in front', () => {
  const proxy = {
    host: 'inner',
    'x-forwarded-for': '203.0.113.9',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'mcp.example.com',
    'x-forwarded-prefix': '/cyberun/',
  };
  expect(forwarded(proxy)).toEqual({
    'x-forwarded-for': '203.0.113.9, 10.0.0.7',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'mcp.example.com',
    'x-forwarded-prefix': '/cyberun/api/v1/r/containers/notes',
  });
});

it('X-Forwarded headers use the configured public URL, not headers of the caller', () => {
  const claimed = { host: 'inner', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http' };
  expect(forwarded(claimed, 'https://example.com/cyberun/')).toMatchObject({
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'example.com',
    'x-forwarded-prefix': '/cyberun/api/v1/r/containers/notes',
  });
});

it('invalid X-Forwarded headers are ignored', () => {
  const claimed = {
    host: 'h',
    'x-forwarded-host': 'a b"',
    'x-forwarded-proto': 'ftp',
    'x-forwarded-prefix': '//evil',
  };
  expect(forwarded(claimed)).toMatchObject({
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'h',
    'x-forwarded-prefix': '/api/v1/r/containers/notes',
  });
});

const place = { proto: 'https', host: 'example.com', prefix: '/sub/api/v1/r/containers/notes' };
it.each([
  ['/echo?a=1#b', '/sub/api/v1/r/containers/notes/echo?a=1#b'],
  ['http://127.0.0.1:4321/echo?a=1', '/sub/api/v1/r/containers/notes/echo?a=1'],
  ['http://localhost:4321/', '/sub/api/v1/r/containers/notes/'],
  ['https://example.com/echo', '/sub/api/v1/r/containers/notes/echo'],
  ['/sub/api/v1/r/containers/notes/echo', '/sub/api/v1/r/containers/notes/echo'],
  ['https://example.com/sub/api/v1/r/containers/notes', '/sub/api/v1/r/containers/notes'],
  ['echo', 'echo'],
  ['?page=2', '?page=2'],
  ['https://elsewhere.example/echo', 'https://elsewhere.example/echo'],
  ['http://127.0.0.1:9999/echo', 'http://127.0.0.1:9999/echo'],
  ['//elsewhere.example/echo', '//elsewhere.example/echo'],
  ['mailto:a@example.com', 'mailto:a@example.com'],
])('a Location %s of a service becomes %s', (location, moved) => {
  expect(withRewrittenLocation({ location, 'content-location': location, etag: 'x' }, 4321, place)).toEqual({
    location: moved,
    'content-location': moved,
    etag: 'x',
  });
});
