import { describe, expect, it } from 'vitest';

import { type Indexed, IndexedSet } from './indexed-set.js';

const entries = (count: number): Indexed[] => Array.from({ length: count }, () => ({}));

describe('a roster', () => {
  it('knows who is on it, in whichever order they leave', () => {
    const roster = new IndexedSet();
    const [a = {}, b = {}, c = {}, d = {}] = entries(4);
    for (const each of [a, b, c, d]) roster.add(each);
    roster.delete(b);
    roster.delete(d);
    expect(new Set(roster)).toEqual(new Set([a, c]));
    roster.delete(c);
    roster.delete(a);
    expect(roster.size).toBe(0);
  });

  it('lets nobody leave twice, and nobody who never came', () => {
    const roster = new IndexedSet();
    const [a = {}, b = {}, stranger = {}] = entries(3);
    roster.add(a);
    roster.add(b);
    roster.delete(a);
    roster.delete(a);
    roster.delete(stranger);
    expect([...roster]).toEqual([b]);
  });

  it('is read to its end although they leave meanwhile', () => {
    const roster = new IndexedSet();
    for (const each of entries(5)) roster.add(each);
    for (const each of roster) roster.delete(each);
    expect(roster.size).toBe(0);
  });
});
