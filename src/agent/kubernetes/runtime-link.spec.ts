import type { ServerHttp2Stream } from 'node:http2';
import { PassThrough } from 'node:stream';

import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { RuntimeLink } from './runtime-link.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());
const pass = (seconds: number): void => void vi.advanceTimersByTime(seconds * 1000);
const ignore = (): void => undefined;

/** A link with a runtime, and what this was told. */
function attached(takesWaits: boolean): { readonly link: RuntimeLink; readonly told: () => unknown[] } {
  const link = new RuntimeLink({
    holdSeconds: 60,
    attached: ignore,
    detached: ignore,
    commanded: ignore,
    abandoned: ignore,
  });
  const stream = new PassThrough();
  const commands = new PassThrough().iterator() as AsyncGenerator;
  link.attach({
    stream: Object.assign(stream, { respond: ignore }) as unknown as ServerHttp2Stream,
    commands,
    terms: { holdSeconds: 60, logBytes: 0, takesWaits },
  });
  const lines = (): string[] =>
    String(stream.read() ?? '')
      .split('\n')
      .filter(Boolean);
  return { link, told: () => lines().map((line) => JSON.parse(line) as unknown) };
}

it('why a run waits is reported when it changes, not too often, and until the run starts', async () => {
  const { link, told } = attached(true);
  link.reportWait(undefined);
  link.reportWait('no node can take its pod');
  pass(10);
  link.reportWait('no node can take its pod');
  link.reportWait(undefined);
  link.reportWait('its image cannot be pulled');
  await link.report({ type: 'started' });
  pass(10);
  link.reportWait('late');
  expect(told()).toEqual([
    { type: 'waiting', reason: 'no node can take its pod' },
    { type: 'waiting', reason: 'its pod is being prepared' },
    { type: 'started' },
  ]);
});

it('an older runtime is not told why a run waits', () => {
  const { link, told } = attached(false);
  link.reportWait('no node can take its pod');
  expect(told()).toEqual([]);
});
