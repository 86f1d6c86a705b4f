import type { Dispatcher } from 'undici';
import { beforeEach, expect, it, vi } from 'vitest';

import { type OnChunk, StreamedResponse } from './event-stream.js';

const CHUNK = Buffer.alloc(40_000);
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const controller = { abort: vi.fn(), pause: vi.fn(), resume: vi.fn() };
const undiciController = controller as unknown as Dispatcher.DispatchController;
const onChunk = vi.fn<OnChunk>();
let response: StreamedResponse;

beforeEach(() => {
  vi.resetAllMocks();
  onChunk.mockResolvedValue(false);
  response = new StreamedResponse({ signal: undefined, timeoutMs: undefined });
  // Starts as undici starts it; its promise is handled.
  const dispatcher = { dispatch: () => true } as unknown as Dispatcher;
  const pools = { kept: dispatcher, recent: dispatcher, unused: dispatcher };
  response.send(pools, {} as never).catch(() => undefined);
  response.onRequestStart(undiciController);
  response.onResponseStart(undiciController, 200, {});
});

it('StreamedResponse pauses the runtime while the reader is behind', async () => {
  let isPaused = false;
  controller.pause.mockImplementation(() => (isPaused = true));
  controller.resume.mockImplementation(() => (isPaused = false));
  const deals: (() => void)[] = [];
  const reading = response.read(() => new Promise((resolve) => deals.push(() => resolve(false))));
  const seen: boolean[] = [];
  for (const _chunk of [1, 2, 3]) {
    response.onResponseData(undiciController, CHUNK);
    await settled();
    seen.push(isPaused);
  }
  for (let deal = deals.shift(); deal; deal = deals.shift()) {
    deal();
    await settled();
    seen.push(isPaused);
  }
  expect(seen).toEqual([false, false, true, true, false, false]);
  response.onResponseEnd();
  expect(await reading).toBeUndefined();
});

it('StreamedResponse delivers chunks that arrived before there was a reader', async () => {
  response.onResponseData(undiciController, CHUNK);
  response.onResponseEnd();
  expect(await response.read(onChunk)).toBeUndefined();
  expect(onChunk).toHaveBeenCalledExactlyOnceWith(CHUNK);
});

it('StreamedResponse delivers what arrived before the connection broke, then the error', async () => {
  response.onResponseData(undiciController, CHUNK);
  response.onResponseError(undiciController, new Error('cut'));
  expect(await response.read(onChunk)).toEqual(new Error('cut'));
  expect(onChunk).toHaveBeenCalledOnce();
});

it('StreamedResponse notifies a waiting reader that the connection broke', async () => {
  const reading = response.read(onChunk);
  response.onResponseError(undiciController, new Error('cut'));
  expect(await reading).toEqual(new Error('cut'));
});

it('StreamedResponse closes the connection and delivers no more when the reader stops', async () => {
  onChunk.mockResolvedValueOnce(true);
  for (const _chunk of [1, 2]) response.onResponseData(undiciController, CHUNK);
  expect(await response.read(onChunk)).toBeUndefined();
  response.onResponseData(undiciController, CHUNK);
  expect(controller.abort).toHaveBeenCalledOnce();
  expect(onChunk).toHaveBeenCalledOnce();
});

it('StreamedResponse closes the connection when the reader throws', async () => {
  onChunk.mockRejectedValueOnce(new Error('of the reader'));
  response.onResponseData(undiciController, CHUNK);
  await expect(response.read(onChunk)).rejects.toThrow('of the reader');
  expect(controller.abort).toHaveBeenCalledOnce();
});

it('StreamedResponse does not close the connection of a complete body', async () => {
  onChunk.mockResolvedValueOnce(true);
  response.onResponseData(undiciController, CHUNK);
  response.onResponseEnd();
  await response.read(onChunk);
  expect(controller.abort).not.toHaveBeenCalled();
});
