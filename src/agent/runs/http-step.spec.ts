import { buffer } from 'node:stream/consumers';

import * as fc from 'fast-check';
import { expect, it, onTestFinished, vi } from 'vitest';

import { http, run, serve } from '../../../test/support/executed-run.js';
import { endpointOf } from './http-step.js';

it('an HTTP call resolves references, sends JSON and returns the response', async () => {
  const origin = await serve((request, response) => {
    void buffer(request).then((body) => {
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({
          method: request.method,
          url: request.url,
          x: request.headers['x-a'],
          body: body.toString(),
        }),
      );
    });
  });
  const step = http('${ .where }', {
    method: 'post',
    headers: { 'X-A': '${ .n }', 'X-B': '${ .missing }' },
    query: { q: '${ .text }' },
    body: { deep: ['${ .n }'] },
  });
  const { outcome } = run([step], { parameters: { where: `${origin}/p?a=1`, n: 3, text: 'a&b' } });
  expect((await outcome).output).toMatchObject({
    status_code: 200,
    headers: { 'content-type': 'application/json' },
    body: { method: 'POST', url: '/p?a=1&q=a%26b', x: '3', body: '{"deep":[3]}' },
  });
});

it('an HTTP call returns a picture as base64', async () => {
  const origin = await serve((_request, response) => {
    response.setHeader('content-type', 'image/png');
    response.end(Buffer.from([0xff, 0]));
  });
  expect((await run([http(origin)]).outcome).output).toMatchObject({
    body: '/wA=',
    body_encoding: 'base64',
  });
});

it.each([
  ['a refusal', (origin: string) => `${origin}/x`, /GET http:\/\/[\d.:]+\/x answered 404 \(step call\)\./],
  ['no server', () => 'http://127.0.0.1:3/x', /GET http:\/\/127\.0\.0\.1:3\/x failed: .*ECONNREFUSED/],
  ['no web address', () => 'file:///etc/passwd', /endpoint of step call is not an http or https URL/],
])('an HTTP call fails the run on %s', async (_what, endpoint, sentence) => {
  const origin = await serve((_request, response) => void response.writeHead(404).end());
  await expect(run([http(endpoint(origin))]).outcome).rejects.toThrow(sentence);
});

it('an HTTP call returns a redirect and does not follow it', async () => {
  const asked: string[] = [];
  const elsewhere = await serve((request, response) => {
    asked.push(`${request.method} ${request.headers['x-secret']}`);
    response.end();
  });
  const origin = await serve((_request, response) => {
    response.writeHead(302, { location: `${elsewhere}/taken` }).end('moved');
  });
  const step = http(origin, { method: 'post', headers: { 'X-Secret': 's' }, body: 'text' });
  expect((await run([step]).outcome).output).toMatchObject({
    status_code: 302,
    headers: { location: `${elsewhere}/taken` },
  });
  expect(asked).toEqual([]);
});

it('an HTTP call waits for a response up to the timeout of the run', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const asked = Promise.withResolvers<() => void>();
  const origin = await serve((_request, response) => asked.resolve(() => response.end('late')));
  const { outcome } = run([http(origin)]);
  const answer = await asked.promise;
  for (let minute = 0; minute < 20; minute += 1) {
    await vi.advanceTimersByTimeAsync(60_000);
    await new Promise(setImmediate);
  }
  answer();
  expect((await outcome).output).toMatchObject({ status_code: 200 });
});

const at = (endpoint: string, parameters: Record<string, unknown>): string =>
  endpointOf({ name: 'ask', endpoint }, parameters);

it('an endpoint contains each parameter as one part of its path for any value', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (id) => {
      fc.pre(id !== '.' && id !== '..');
      const url = new URL(at('https://example.com/items/{id}/parts?x=1', { id }));
      expect(url.origin).toBe('https://example.com');
      expect(url.search).toBe('?x=1');
      expect(url.pathname.split('/').map(decodeURIComponent)).toEqual(['', 'items', id, 'parts']);
    }),
  );
});

it.each([
  ['{id}', { id: 7 }, '7'],
  ['{id}', { id: true }, 'true'],
  ['{a}-{b}', { a: 'x/y', b: 'é?' }, 'x%2Fy-%C3%A9%3F'],
])('the endpoint %s with %j is /%s', (template, parameters, path) => {
  expect(at(`https://example.com/${template}`, parameters)).toBe(`https://example.com/${path}`);
});

it('a reference is the whole endpoint, and braces in its value are left alone', () => {
  expect(at('${ .url }', { url: 'https://example.com/{id}', id: 'x' })).toBe('https://example.com/{id}');
  expect(at('${ .["the-url"] }', { 'the-url': 'https://example.com/' })).toBe('https://example.com/');
});

it.each([
  ['{id}', {}, 'was not given'],
  ['{constructor}', {}, 'was not given'],
  ['{id}', { id: ['x'] }, 'is not a string, number or boolean'],
  ['{id}', { id: '..' }, 'leads to another path'],
  ['{a}{b}/c', { a: '.', b: '.' }, 'leads to another path'],
])('the endpoint %s with %j fails the run', (template, parameters, reason) => {
  expect(() => at(`https://example.com/${template}`, parameters)).toThrow(reason);
});
