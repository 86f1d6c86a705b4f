import { expect, it } from 'vitest';

import { type Indexed, IndexedSet } from './in-flight-requests.js';

const entries = (count: number): Indexed[] => Array.from({ length: count }, () => ({}));

it('an IndexedSet holds the added entries, deleted in any order', () => {
  const set = new IndexedSet();
  const [a = {}, b = {}, c = {}, d = {}] = entries(4);
  for (const each of [a, b, c, d]) set.add(each);
  set.delete(b);
  set.delete(d);
  expect(new Set(set)).toEqual(new Set([a, c]));
  set.delete(c);
  set.delete(a);
  expect(set.size).toBe(0);
});

it('an IndexedSet ignores a second delete, and entries that were never added', () => {
  const set = new IndexedSet();
  const [a = {}, b = {}, other = {}] = entries(3);
  set.add(a);
  set.add(b);
  set.delete(a);
  set.delete(a);
  set.delete(other);
  expect([...set]).toEqual([b]);
});

it('an IndexedSet can be iterated while entries are deleted', () => {
  const set = new IndexedSet();
  for (const each of entries(5)) set.add(each);
  for (const each of set) set.delete(each);
  expect(set.size).toBe(0);
});
