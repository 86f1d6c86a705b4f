import { expect, it } from 'vitest';

import { isShownImage, isTextType, nameWithExtension, textTypeOfName, typeOfName } from './media-types.js';

it.each([
  ['a.csv', 'text/csv', 'text/csv'],
  ['a.JSON', 'application/json', 'application/json'],
  ['a.xml', 'application/xml', 'application/xml'],
  ['a.yml', 'application/yaml', 'application/yaml'],
  ['a.ndjson', 'application/x-ndjson', 'application/x-ndjson'],
  ['a.svg', 'image/svg+xml', 'image/svg+xml'],
  ['main.ts', 'video/mp2t', 'text/plain'],
  ['a.png', 'image/png', 'text/plain'],
  ['a.unheard-of', 'application/octet-stream', 'text/plain'],
  ['README', 'application/octet-stream', 'text/plain'],
])('the file %s has the type %s, and %s when it is known to be a text', (name, type, textType) => {
  expect([typeOfName(name), textTypeOfName(name)]).toEqual([type, textType]);
});

it('a name gets the extension of its type only when it has none', () => {
  expect(nameWithExtension('report', 'text/csv; charset=utf-8')).toBe('report.csv');
  expect(nameWithExtension('report.old', 'text/csv')).toBe('report.old');
  expect(nameWithExtension('report', 'not a type')).toBe('report');
});

it('parameters and case of a media type do not matter', () => {
  expect(isTextType('Application/JSON; charset=utf-8')).toBe(true);
  expect(isTextType('application/jsonish')).toBe(false);
  expect(isShownImage('IMAGE/PNG ; a=b')).toBe(true);
  expect(isShownImage('image/png-like')).toBe(false);
});
