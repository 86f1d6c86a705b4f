import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { endpointOf } from './endpoint.js';

const at = (endpoint: string, parameters: Record<string, unknown>): string =>
  endpointOf({ name: 'ask', endpoint }, parameters);

it('an endpoint holds each parameter as one part of its path, whatever the value is', () => {
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
])('%s with %j is /%s', (template, parameters, path) => {
  expect(at(`https://example.com/${template}`, parameters)).toBe(`https://example.com/${path}`);
});

it('a reference is the whole endpoint, and braces in its value are left alone', () => {
  expect(at('${ .url }', { url: 'https://example.com/{id}', id: 'x' })).toBe('https://example.com/{id}');
  expect(at('${ .["the-url"] }', { 'the-url': 'https://example.com/' })).toBe('https://example.com/');
});

it.each([
  ['{id}', {}, 'was not given'],
  ['{constructor}', {}, 'was not given'],
  ['{id}', { id: ['x'] }, 'is no text, number or truth value'],
  ['{id}', { id: '..' }, 'leads to another path'],
  ['{a}{b}/c', { a: '.', b: '.' }, 'leads to another path'],
])('%s with %j fails the run', (template, parameters, reason) => {
  expect(() => at(`https://example.com/${template}`, parameters)).toThrow(reason);
});
