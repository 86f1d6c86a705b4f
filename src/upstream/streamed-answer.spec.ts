import type { Dispatcher } from 'undici';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { StreamedAnswer } from './streamed-answer.js';

const CHUNK = Buffer.alloc(40_000);

describe('an answer that is read as it comes', () => {
  const controller = { abort: vi.fn(), pause: vi.fn(), resume: vi.fn() };
  const told = controller as unknown as Dispatcher.DispatchController;
  let answer: StreamedAnswer;

  beforeEach(() => {
    vi.resetAllMocks();
    answer = new StreamedAnswer({ signal: undefined, timeoutMs: undefined });
    // Begins as undici begins it, and has its outcome taken care of.
    answer.over({ dispatch: () => true } as unknown as Dispatcher, {} as never).catch(() => undefined);
    answer.onRequestStart(told);
    answer.onResponseStart(told, 200, {});
  });

  it('makes the runtime wait for a reader who is behind', async () => {
    answer.onResponseData(told, CHUNK);
    expect(controller.pause).not.toHaveBeenCalled();
    answer.onResponseData(told, CHUNK);
    expect(controller.pause).toHaveBeenCalledOnce();
    await answer.next();
    expect(controller.resume).not.toHaveBeenCalled();
    await answer.next();
    expect(controller.resume).toHaveBeenCalledOnce();
  });

  it('is read to where it broke, and then fails', async () => {
    answer.onResponseData(told, CHUNK);
    answer.onResponseError(told, new Error('cut'));
    expect(await answer.next()).toEqual({ done: false, value: CHUNK });
    await expect(answer.next()).rejects.toThrow('cut');
  });

  it('tells a reader who waits that it broke', async () => {
    const next = answer.next();
    answer.onResponseError(told, new Error('cut'));
    await expect(next).rejects.toThrow('cut');
  });

  it('is closed when nobody reads on', async () => {
    await answer.return();
    expect(controller.abort).toHaveBeenCalledOnce();
  });

  it('ends, and then there is nothing to close', async () => {
    const next = answer.next();
    answer.onResponseEnd();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(await answer.next()).toEqual({ done: true, value: undefined });
    await answer.return();
    expect(controller.abort).not.toHaveBeenCalled();
  });
});
