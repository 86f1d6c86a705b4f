import { expect, it } from 'vitest';

import { UpstreamError, type UpstreamFailure } from '../../upstream/index.js';
import type { DetailedTask } from '../protocol/index.js';
import type { TaskProvider } from '../tools/index.js';
import { TaskNews } from './task-news.js';

const task = (statusMessage: string, status: 'working' | 'cancelled' = 'working'): DetailedTask => ({
  taskId: 't',
  status,
  statusMessage,
  createdAt: '2026-01-31T08:00:00Z',
  lastUpdatedAt: '2026-01-31T08:00:00Z',
  ttlMs: null,
});
const failure = (kind: UpstreamFailure, status?: number): UpstreamError =>
  new UpstreamError(kind, { error_message: 'no' }, { operation: 'look', status });
const ENDED = task('over', 'cancelled');

/** The notifications about a task that is watched and read like this, and how the report ends. */
async function told({ watch, get }: Pick<TaskProvider, 'watch' | 'get'>): Promise<[string[], unknown]> {
  const shown: string[] = [];
  const show = (shownTask: DetailedTask): Promise<void> => {
    shown.push(String(shownTask.statusMessage));
    return Promise.resolve();
  };
  const found = { provider: { watch, get } as TaskProvider, task: task('begun') };
  const caller = { key: 'sk-key', signal: new AbortController().signal };
  const outcome = await new TaskNews(found, caller, show).report().catch((error: unknown) => error);
  return [shown, outcome];
}

/** Answers in turn; the last one for good. */
function inTurn<Answer>(...answers: (Answer | Error)[]): () => Promise<Answer> {
  return () => {
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer as Answer);
  };
}

it('the end of a task is reported although a read was in progress when the watch ended, and failed', async () => {
  const reading = Promise.withResolvers<DetailedTask>();
  const later = inTurn(ENDED);
  let reads = 0;
  const outcome = told({
    watch: (_caller, _id, onChange) => {
      onChange();
      // The end of the watch comes first.
      setTimeout(() => reading.reject(failure('unreachable')), 20);
      return Promise.resolve();
    },
    get: () => ((reads += 1) === 1 ? reading.promise : later()),
  });
  expect(await outcome).toEqual([['begun', 'over'], undefined]);
});

it('the end of a task is reported although the runtime is away when the watch ends', async () => {
  const get = inTurn<DetailedTask>(failure('rejected', 503), ENDED);
  expect(await told({ watch: () => Promise.resolve(), get })).toEqual([['begun', 'over'], undefined]);
});

it('a watch that fails for a time is begun again', async () => {
  const watch = inTurn<void>(failure('timeout'), undefined);
  expect(await told({ watch, get: inTurn(ENDED) })).toEqual([['begun', 'over'], undefined]);
});

it('a change during a read causes one more read', async () => {
  const first = Promise.withResolvers<DetailedTask>();
  const answers = [first.promise, Promise.resolve(task('second')), Promise.resolve(ENDED)];
  const outcome = told({
    watch: async (_caller, _id, onChange) => {
      onChange();
      onChange();
      first.resolve(task('first'));
      await new Promise((resolve) => setTimeout(resolve, 150));
    },
    get: () => answers.shift() ?? Promise.resolve(ENDED),
  });
  expect(await outcome).toEqual([['begun', 'first', 'second', 'over'], undefined]);
});

it.each([
  ['whose key is refused', failure('rejected', 401)],
  ['that is gone', failure('rejected', 404)],
])('the news of a task %s end with the error', async (_what, error) => {
  expect(await told({ watch: () => Promise.resolve(), get: inTurn(error) as never })).toEqual([
    ['begun'],
    error,
  ]);
});
