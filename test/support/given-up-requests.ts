import { expect, it } from 'vitest';

import type { Endpoint } from './clients.js';
import type { TalkTools } from './talk-tools.js';
import { WATCHED_CLIENTS } from './watched-clients.js';

interface Where extends Endpoint {
  /** The tools of the replica that runs the calls. */
  readonly tools: TalkTools;
}

const LONG_MS = 600_000;
const SHORT_MS = 2000;

const WAYS = [
  { way: 'aborts it', options: (signal: AbortSignal) => ({ signal, timeout: LONG_MS }) },
  { way: 'times out', options: () => ({ timeout: SHORT_MS }) },
];

/** What is promised to TypeScript clients that abort one request, or wait no longer for it. */
export function itKeepsClientsCalm(where: () => Where): void {
  const cases = WATCHED_CLIENTS.flatMap(({ name, connect }) =>
    WAYS.map((way) => ({ name, connect, ...way })),
  );

  it.each(cases)('reports nothing to its host: $name, which $way', async ({ connect, options }) => {
    const { tools, ...endpoint } = where();
    await using client = await connect(endpoint);
    const left = new AbortController();
    const [begun, over] = [tools.next('begun'), tools.next('over')];
    const progressed = Promise.withResolvers<void>();
    const onprogress = (): void => progressed.resolve();
    const failure = client
      .call('talk', {}, { ...options(left.signal), onprogress })
      .catch((error: unknown) => error);
    await begun;
    // Has an event id, so that clients of every revision come back for the rest.
    tools.say('one');
    await progressed.promise;
    left.abort();
    expect(String(await failure)).toMatch(/abort|time/i);
    expect(await over).toContain('cancelled by the client');

    const resumed = (): number[] =>
      client.gets.filter(({ lastEventId }) => lastEventId !== null).map(({ status }) => status);
    await expect.poll(resumed, { timeout: 60_000 }).toEqual([405]);
    expect(await client.call('talk', { isOdd: true })).toMatchObject({ isError: true });
    expect(client.errors).toEqual([]);
  });
}
