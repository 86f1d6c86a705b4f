import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { KEEP_MS } from './event-store.js';
import { MemoryEventStore } from './memory-event-store.js';
import type { SessionRecord } from './session-store.js';

const MEBI = 1_048_576;
const session = { sessionHash: 'session' } as SessionRecord;
const beginning = { crashReply: () => '', onRead: () => undefined };

let logs: MemoryEventStore;
const keptOf = async (stream: string): Promise<string[] | undefined> => {
  using reading = logs.read(session, stream);
  return (await reading.after(0))?.entries.map(({ message }) => message);
};

beforeEach(() => {
  vi.useFakeTimers();
  logs = new MemoryEventStore();
});
afterEach(() => {
  vi.useRealTimers();
});

it('a stream is discarded a minute after its end', async () => {
  const log = logs.begin(session, beginning);
  log.append('one');
  vi.advanceTimersByTime(KEEP_MS * 10);
  log.end('two');
  vi.advanceTimersByTime(KEEP_MS - 1);
  expect(await keptOf(log.stream)).toEqual(['one', 'two']);
  vi.advanceTimersByTime(1);
  expect(await keptOf(log.stream)).toBeUndefined();
});

it('a stream keeps its latest thousand messages, with their sequence numbers', async () => {
  const log = logs.begin(session, beginning);
  const places = Array.from({ length: 1500 }, (_, index) => log.append(`message ${index}`));
  expect(places.at(-1)).toBe(1500);
  const stored = await keptOf(log.stream);
  expect([stored?.length, stored?.[0]]).toEqual([1000, 'message 500']);
});

it('a stream keeps its latest mebicharacter, and the last message of any length', async () => {
  const log = logs.begin(session, beginning);
  for (const letter of 'abc') log.append(letter.repeat(MEBI / 2));
  expect((await keptOf(log.stream))?.map(([first]) => first)).toEqual(['b', 'c']);
  log.end('d'.repeat(2 * MEBI));
  expect((await keptOf(log.stream))?.map(([first]) => first)).toEqual(['d']);
});

it('all streams together keep 64 mebicharacters, of those that began last', async () => {
  const streams = Array.from({ length: 70 }, () => {
    const log = logs.begin(session, beginning);
    log.append('x'.repeat(MEBI));
    return log.stream;
  });
  const stored = await Promise.all(streams.map(keptOf));
  expect(stored.map((messages) => messages !== undefined)).toEqual([
    ...Array.from({ length: 6 }, () => false),
    ...Array.from({ length: 64 }, () => true),
  ]);
});

it('a cancelled stream keeps only its cancellation, for a minute', async () => {
  const log = logs.begin(session, beginning);
  log.append('x'.repeat(MEBI));
  log.cancel();
  using reading = logs.read(session, log.stream);
  using other = logs.read({ sessionHash: 'other' } as SessionRecord, log.stream);
  expect(await reading.after(0)).toEqual({ entries: [], isOver: true, isCancelled: true });
  expect(await other.after(0)).toBeUndefined();
  vi.advanceTimersByTime(KEEP_MS);
  using late = logs.read(session, log.stream);
  expect(await late.after(0)).toBeUndefined();
});

it('a stream is readable only in its session', async () => {
  const log = logs.begin(session, beginning);
  using reading = logs.read({ sessionHash: 'other' } as SessionRecord, log.stream);
  expect(await reading.after(0)).toBeUndefined();
});

it('a read notifies the call of its reader', async () => {
  const onRead = vi.fn<() => void>();
  const log = logs.begin(session, { ...beginning, onRead });
  await keptOf(log.stream);
  expect(onRead).toHaveBeenCalledOnce();
  log.end('over');
  expect(await keptOf(log.stream)).toEqual(['over']);
  expect(onRead, 'what is kept holds nothing of the call').toHaveBeenCalledOnce();
});
