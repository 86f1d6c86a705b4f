import { assert, property, string } from 'fast-check';
import { expect, it } from 'vitest';

import { contentDisposition } from '../files/file-key.js';
import { fileNameIn } from './content-disposition.js';

it.each([
  ['attachment', undefined],
  ['attachment; filename=report.csv', 'report.csv'],
  ['attachment;FileName = "a \\"b\\"; c.csv"', 'a "b"; c.csv'],
  ['filename=report.csv', 'report.csv'],
  [`attachment; filename="Euro.csv"; filename*=UTF-8''%e2%82%ac%20rates.csv`, '€ rates.csv'],
  [`attachment; filename*=utf-8'en'%C2%A3.csv; filename=pound.csv`, '£.csv'],
  [`attachment; filename*=iso-8859-1''%A3.csv`, '£.csv'],
  ['attachment; filename="Ã¤.csv"', 'ä.csv'],
  ['attachment; filename="\u00e4.csv"', 'ä.csv'],
  // What RFC 8187 does not allow leaves the plain name.
  [`attachment; filename=plain; filename*=UTF-8''%FF`, 'plain'],
  [`attachment; filename=plain; filename*=UTF-8''%`, 'plain'],
  [`attachment; filename=plain; filename*=UTF-16''a`, 'plain'],
  [`attachment; filename=plain; filename*=a.csv`, 'plain'],
  [`attachment; name="; filename=inside"; filename=outside`, 'outside'],
])('the header %j gives the name %j', (header, name) => {
  expect(fileNameIn(header)).toBe(name);
});

it('every name is read back from the header that this runtime makes of it', () => {
  assert(
    property(string({ unit: 'binary', minLength: 1 }), (name) => {
      const wellFormed = name.toWellFormed();
      expect(fileNameIn(contentDisposition(wellFormed))).toBe(wellFormed);
    }),
  );
});
