import type { Dispatcher } from 'undici';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { StreamedAnswer, type Take } from './streamed-answer.js';

const CHUNK = Buffer.alloc(40_000);
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('an answer that is read as it comes', () => {
  const controller = { abort: vi.fn(), pause: vi.fn(), resume: vi.fn() };
  const told = controller as unknown as Dispatcher.DispatchController;
  const take = vi.fn<Take>();
  let answer: StreamedAnswer;

  beforeEach(() => {
    vi.resetAllMocks();
    take.mockResolvedValue(false);
    answer = new StreamedAnswer({ signal: undefined, timeoutMs: undefined });
    // Begins as undici begins it, and has its outcome taken care of.
    answer.over({ dispatch: () => true } as unknown as Dispatcher, {} as never).catch(() => undefined);
    answer.onRequestStart(told);
    answer.onResponseStart(told, 200, {});
  });

  it('makes the runtime wait for a reader who is behind', async () => {
    let isPaused = false;
    controller.pause.mockImplementation(() => (isPaused = true));
    controller.resume.mockImplementation(() => (isPaused = false));
    const deals: (() => void)[] = [];
    const reading = answer.read(() => new Promise((resolve) => deals.push(() => resolve(false))));
    const seen: boolean[] = [];
    for (const _chunk of [1, 2, 3]) {
      answer.onResponseData(told, CHUNK);
      await settled();
      seen.push(isPaused);
    }
    for (let deal = deals.shift(); deal; deal = deals.shift()) {
      deal();
      await settled();
      seen.push(isPaused);
    }
    expect(seen).toEqual([false, false, true, true, false, false]);
    answer.onResponseEnd();
    expect(await reading).toBeUndefined();
  });

  it('hands over what came before there was a reader', async () => {
    answer.onResponseData(told, CHUNK);
    answer.onResponseEnd();
    expect(await answer.read(take)).toBeUndefined();
    expect(take).toHaveBeenCalledExactlyOnceWith(CHUNK);
  });

  it('is read to where it broke, and tells why', async () => {
    answer.onResponseData(told, CHUNK);
    answer.onResponseError(told, new Error('cut'));
    expect(await answer.read(take)).toEqual(new Error('cut'));
    expect(take).toHaveBeenCalledOnce();
  });

  it('tells a reader who waits that it broke', async () => {
    const reading = answer.read(take);
    answer.onResponseError(told, new Error('cut'));
    expect(await reading).toEqual(new Error('cut'));
  });

  it('is closed when the reader has enough, who hears no more of it', async () => {
    take.mockResolvedValueOnce(true);
    for (const _chunk of [1, 2]) answer.onResponseData(told, CHUNK);
    expect(await answer.read(take)).toBeUndefined();
    answer.onResponseData(told, CHUNK);
    expect(controller.abort).toHaveBeenCalledOnce();
    expect(take).toHaveBeenCalledOnce();
  });

  it('is closed when the reader fails', async () => {
    take.mockRejectedValueOnce(new Error('of the reader'));
    answer.onResponseData(told, CHUNK);
    await expect(answer.read(take)).rejects.toThrow('of the reader');
    expect(controller.abort).toHaveBeenCalledOnce();
  });

  it('ends, and then there is nothing to close', async () => {
    take.mockResolvedValueOnce(true);
    answer.onResponseData(told, CHUNK);
    answer.onResponseEnd();
    await answer.read(take);
    expect(controller.abort).not.toHaveBeenCalled();
  });
});
