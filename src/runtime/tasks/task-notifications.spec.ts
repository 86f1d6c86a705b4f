import { expect, it } from 'vitest';

import { EventSignal } from './task-notifications.js';

it('a signal wakes the waiter, or the next one, once', async () => {
  const signal = new EventSignal(new AbortController().signal);
  const waiting = signal.wait(10_000);
  signal.notify();
  expect(await waiting).toBe(true);
  signal.notify();
  expect(await signal.wait(10_000)).toBe(true);
  expect(await signal.wait(1)).toBe(false);
});

it('a signal that is over does not wait', async () => {
  const over = new AbortController();
  const signal = new EventSignal(over.signal);
  const waiting = signal.wait(10_000);
  over.abort();
  expect(await waiting).toBe(false);
  expect(await signal.wait(10_000)).toBe(false);
  expect(signal.isOver).toBe(true);
});
