import { assert, dictionary, jsonValue, nat, property, string } from 'fast-check';
import { expect, it } from 'vitest';

import { cutTo } from './reply-cut.js';

const rows = (count: number) => Array.from({ length: count }, (_, index) => ({ index }));

it('cutTo keeps whole items of a list, and says how many there are', () => {
  const { value, cuts } = cutTo({ id: 'a', rows: rows(5000) }, 200);
  expect(value.rows).toEqual(rows(value.rows.length));
  expect(cuts).toEqual([`/rows has the first ${value.rows.length} of 5,000 items`]);
  expect(JSON.stringify(value).length).toBeLessThanOrEqual(200);
  expect(value.rows.length).toBeGreaterThan(10);
});

it('cutTo keeps whole lines of a text', () => {
  const log = Array.from({ length: 500 }, (_, index) => `line ${index} of "the" log`).join('\n');
  const { value, cuts } = cutTo({ log, status: 'ok' }, 300);
  expect(value.log).toMatch(/^line 0 of.*\n$/s);
  expect(log.startsWith(value.log)).toBe(true);
  expect(value.status).toBe('ok');
  expect(cuts).toEqual([`/log has the first ${value.log.length} of 10,889 characters`]);
});

it('cutTo never cuts a character in two', () => {
  const { value } = cutTo({ text: '😀'.repeat(300) }, 101);
  expect(value.text).toMatch(/^(?:😀)+$/u);
});

it('cutTo keeps whole entries of a map', () => {
  const map = Object.fromEntries(rows(500).map(({ index }) => [`file-${index}`, 'x'.repeat(20)]));
  const { value, cuts } = cutTo({ map }, 1000);
  const kept = Object.entries(value.map);
  expect(Object.entries(map).slice(0, kept.length)).toEqual(kept);
  expect(cuts).toEqual([`/map has the first ${kept.length} of 500 entries`]);
});

it('cutTo cuts inside the first item of a list that does not fit', () => {
  const { value, cuts } = cutTo({ list: [{ name: 'a', rows: rows(1000) }, 2] }, 200);
  expect(value.list).toMatchObject([{ name: 'a', rows: rows(12) }]);
  expect(cuts).toEqual(expect.arrayContaining(['/list has the first 1 of 2 items']));
});

it('cutTo keeps the digits of long numbers', () => {
  const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => object };
  const answer = { id: rawJSON('12345678901234567890'), rows: rows(500) };
  expect(JSON.stringify(cutTo(answer, 100).value)).toMatch(/^\{"id":12345678901234567890,"rows":\[\{/);
});

it('cutTo leaves a value alone that fits, and reduces every other one', () => {
  assert(
    property(dictionary(string(), jsonValue()), nat(2000), (value, more) => {
      const size = Buffer.byteLength(JSON.stringify(value));
      expect(cutTo(value, size * 2 + 100 + more)).toEqual({ value, cuts: [] });
      const cut = cutTo(value, size >> 1);
      expect(Buffer.byteLength(JSON.stringify(cut.value))).toBeLessThanOrEqual(size);
    }),
  );
});
