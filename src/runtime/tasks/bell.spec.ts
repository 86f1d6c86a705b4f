import { describe, expect, it } from 'vitest';

import { Bell } from './bell.js';

describe('a bell', () => {
  it('is heard by who waits, and by who comes later, once', async () => {
    const bell = new Bell(new AbortController().signal);
    const waiting = bell.rings(10_000);
    bell.ring();
    expect(await waiting).toBe(true);
    bell.ring();
    expect(await bell.rings(10_000)).toBe(true);
    expect(await bell.rings(1)).toBe(false);
  });

  it('lets go when it is over', async () => {
    const over = new AbortController();
    const bell = new Bell(over.signal);
    const waiting = bell.rings(10_000);
    over.abort();
    expect(await waiting).toBe(false);
    expect(await bell.rings(10_000)).toBe(false);
    expect(bell.isOver).toBe(true);
  });
});
