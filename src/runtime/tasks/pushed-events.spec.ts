import { expect, it } from 'vitest';

import { PushedEvents } from './pushed-events.js';

const pushed = (): PushedEvents => new PushedEvents(new AbortController().signal);
const event = (sequence: number, data: string | null = `{"n":${sequence}}`, name = 'progress') =>
  ({ task_id: 'a task', sequence, event: name as 'progress', status: 'running', data }) as const;
const sequencesOf = (events: PushedEvents, last: number): number[] | undefined =>
  events.pageAfter(last)?.rows.map(({ sequence }) => sequence);

it('rows are read first, and then the events that notifications bring are taken without reading', async () => {
  const events = pushed();
  events.notified(event(2));
  expect(events.pageAfter(0)).toBeUndefined();
  expect(events.has(2)).toBe(false);
  events.notified(event(4));
  events.notified(event(3));
  expect(events.has(2)).toBe(true);
  const page = events.pageAfter(2);
  expect(await Promise.all(page?.rows.map(({ read }) => read()) ?? [])).toEqual(['{"n":3}', '{"n":4}']);
  expect(page?.isLast).toBe(false);
  expect(events.has(4)).toBe(false);
});

it('rows are read where an event is missing, and the events after the gap are not lost', () => {
  const events = pushed();
  events.pageAfter(0);
  events.notified(event(3));
  expect(sequencesOf(events, 1)).toBeUndefined();
  expect(sequencesOf(events, 2)).toEqual([3]);
});

it('rows are read for an event that is too large for a notification', () => {
  const events = pushed();
  events.pageAfter(0);
  events.notified(event(1));
  events.notified(event(2, null));
  expect(sequencesOf(events, 0)).toEqual([1]);
  expect(sequencesOf(events, 1)).toBeUndefined();
});

it('rows are read after notifications were lost, after a wait without one, and by a reader who is far behind', async () => {
  const events = pushed();
  events.pageAfter(0);
  events.missed();
  expect(await events.wait(1000)).toBe(true);
  expect(events.pageAfter(0)).toBeUndefined();
  expect(await events.wait(1)).toBe(false);
  events.notified(event(1));
  expect(events.pageAfter(0)).toBeUndefined();
  for (let sequence = 2; sequence < 200; sequence += 1) events.notified(event(sequence));
  expect(events.pageAfter(1)).toBeUndefined();
});

it('the terminal event is the last one', () => {
  const events = pushed();
  events.pageAfter(0);
  events.notified(event(1, '{}', 'completed'));
  expect(events.pageAfter(0)?.isLast).toBe(true);
});
