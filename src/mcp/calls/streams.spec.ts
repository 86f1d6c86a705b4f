import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';

import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { Call } from './call.js';
import { Reply, type StartRecording } from './reply.js';
import { EventStream } from './event-stream.js';

/** A response that keeps what is written to it. */
class FakeResponse extends EventEmitter {
  readonly written: string[] = [];
  status = 0;
  type: unknown;
  headersSent = false;
  writableEnded = false;
  writableFinished = false;
  destroyed = false;
  isFull = false;

  writeHead(status: number, headers: Record<string, unknown> | unknown[]): this {
    const type = Array.isArray(headers)
      ? headers[headers.indexOf('Content-Type') + 1]
      : headers['Content-Type'];
    Object.assign(this, { status, type, headersSent: true });
    return this;
  }

  flushHeaders(): void {}

  write(chunk: string): boolean {
    this.written.push(chunk);
    return !this.isFull;
  }

  end(chunk?: string): void {
    if (chunk !== undefined) this.written.push(chunk);
    this.writableEnded = this.writableFinished = true;
    this.emit('close');
  }

  /** The client goes away. */
  lose(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

const as = (response: FakeResponse): ServerResponse => response as unknown as ServerResponse;
const COMMENT = ': keepalive\n\n';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

it('an event stream sets no Connection header, because a client may ask for its end', () => {
  const response = new FakeResponse();
  const head = vi.spyOn(response, 'writeHead');
  new EventStream(as(response), { 'mcp-session-id': 'x' }).end();
  expect(head).toHaveBeenCalledExactlyOnceWith(200, expect.objectContaining({ 'mcp-session-id': 'x' }));
  expect(head.mock.lastCall?.[1]).not.toHaveProperty('Connection');
});

it('an event stream sends a comment after every fifteen idle seconds, until it ends', () => {
  const response = new FakeResponse();
  const stream = new EventStream(as(response), {});
  vi.advanceTimersByTime(14_999);
  expect(response.written).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(response.written).toEqual([COMMENT]);
  vi.advanceTimersByTime(30_000);
  expect(response.written).toEqual([COMMENT, COMMENT, COMMENT]);
  stream.end();
  vi.advanceTimersByTime(60_000);
  expect(response.written).toHaveLength(3);
});

it('an event stream sends no comment while it sends messages', () => {
  const response = new FakeResponse();
  const stream = new EventStream(as(response), {});
  for (let second = 0; second < 60; second += 10) {
    void stream.send('{}');
    vi.advanceTimersByTime(10_000);
  }
  expect(response.written).not.toContain(COMMENT);
});

it('an event stream applies backpressure until the client reads or disconnects', async () => {
  const response = new FakeResponse();
  const stream = new EventStream(as(response), {});
  response.isFull = true;
  const sent = vi.fn<() => void>();
  const sending = stream.send('{}').then(sent);
  await Promise.resolve();
  expect(sent).not.toHaveBeenCalled();
  response.emit('drain');
  await sending;
  const lost = stream.send('{}');
  response.lose();
  await lost;
  expect(vi.getTimerCount()).toBe(0);
});

it('a reply reports a client that disconnected earlier, and none that has its response', () => {
  const [gone, answered] = [new FakeResponse(), new FakeResponse()];
  const lost = vi.fn<(who: string) => void>();
  gone.lose();
  new Reply(as(gone)).onLost(() => lost('gone'));
  const reply = new Reply(as(answered));
  reply.onLost(() => lost('answered'));
  reply.answer('{}');
  expect(lost.mock.calls).toEqual([['gone']]);
});

it('a reply without notifications is JSON', () => {
  const response = new FakeResponse();
  new Reply(as(response)).answer('{"a":1}');
  expect(response).toMatchObject({ status: 200, type: 'application/json', written: ['{"a":1}'] });
});

it('a reply becomes a stream with the first notification, which includes earlier responses', async () => {
  const response = new FakeResponse();
  const reply = new Reply(as(response), { answers: 2 });
  reply.answer('{"one":1}');
  await reply.notify('{"note":1}');
  reply.answer('{"two":2}');
  expect(response.type).toBe('text/event-stream');
  expect(response.written).toEqual(
    ['{"one":1}', '{"note":1}', '{"two":2}'].map((message) => `event: message\ndata: ${message}\n\n`),
  );
  expect(response.writableEnded).toBe(true);
});

it('a reply to a batch is a list, without cancelled requests', () => {
  const response = new FakeResponse();
  const reply = new Reply(as(response), { answers: 3 });
  reply.answer('1');
  reply.skip();
  reply.answer('3');
  expect(response.written).toEqual(['[1,3]']);
});

const keeping = () => {
  const response = new FakeResponse();
  const kept = {
    firstEventId: 's.0',
    append: vi.fn(() => 's.1'),
    end: vi.fn(() => 's.2'),
    cancel: vi.fn(),
    drop: vi.fn(),
  };
  let onRead: () => void = () => undefined;
  const keep: StartRecording = (listener) => {
    onRead = listener;
    return kept;
  };
  return {
    response,
    kept,
    reply: new Reply(as(response), { startRecording: keep }),
    readOn: () => onRead(),
  };
};

it('a recorded reply continues without its client, up to the response', async () => {
  const { response, kept, reply } = keeping();
  reply.openStream();
  response.lose();
  await reply.notify('"note"');
  reply.answer('"answer"');
  expect(kept.append).toHaveBeenCalledExactlyOnceWith('"note"');
  expect(kept.end).toHaveBeenCalledExactlyOnceWith('"answer"');
  await reply.notify('"late"');
  expect(kept.append).toHaveBeenCalledOnce();
  expect(response.written).toEqual(['id: s.0\nretry: 1000\ndata: \n\n']);
});

it('a recorded reply gives its client another minute with each read on another connection', () => {
  const { response, reply, readOn } = keeping();
  const call = new Call(1, 'key', reply, () => undefined);
  reply.onLost(() => call.cancelIn(60_000, 'the client is gone'));
  reply.openStream();
  response.lose();
  for (let turn = 0; turn < 10; turn += 1) {
    vi.advanceTimersByTime(50_000);
    readOn();
  }
  vi.advanceTimersByTime(59_999);
  expect(call.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(call.signal.aborted).toBe(true);
});

it('a recorded reply stores nothing for a cancelled request', () => {
  const { kept, reply, response } = keeping();
  reply.openStream();
  reply.skip();
  expect(kept.cancel).toHaveBeenCalledOnce();
  expect(response.writableEnded).toBe(true);
});

it('a recorded reply with a response alone is JSON and not stored', () => {
  const { kept, reply, response } = keeping();
  reply.answer('"answer"');
  expect(response).toMatchObject({ type: 'application/json', written: ['"answer"'] });
  expect(kept.end).not.toHaveBeenCalled();
});

it('a call is cancelled a minute after its client disconnected', () => {
  const response = new FakeResponse();
  const done = vi.fn<() => void>();
  const call = new Call(1, 'key', new Reply(as(response)), done);
  const { signal } = call;
  call.cancelIn(60_000, 'the client is gone');
  vi.advanceTimersByTime(59_999);
  expect(signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(signal.reason).toMatchObject({ message: 'the client is gone' });
  expect(done).toHaveBeenCalledOnce();
});

it('a call responds once and ignores later results', () => {
  const response = new FakeResponse();
  const call = new Call(1, 'key', new Reply(as(response)), () => undefined);
  call.answer('"first"');
  call.answer('"second"');
  call.cancel('too late');
  call.interrupt();
  expect(response.written).toEqual(['"first"']);
  expect(call.signal.aborted).toBe(false);
});

it('a tool that reads the signal late finds it aborted', () => {
  const call = new Call(1, 'key', new Reply(as(new FakeResponse())), () => undefined);
  call.abort('over');
  expect(call.signal.reason).toMatchObject({ message: 'over' });
});
