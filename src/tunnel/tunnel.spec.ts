import { once } from 'node:events';
import type { ClientHttp2Session, ClientHttp2Stream, ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

import { expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';

import { http2ClientOver, http2ServerOver, type StreamListener } from './http2-ends.js';
import { watchLiveness } from './bridge.js';
import { readLines, writeLine } from './ndjson.js';

interface Tunnel extends AsyncDisposable {
  readonly asking: ClientHttp2Session;
  readonly answering: ServerHttp2Session;
  /** The two WebSockets: of the end that asks and of the end that answers. */
  readonly webSockets: readonly [WebSocket, WebSocket];
}

async function tunnel(listener: StreamListener): Promise<Tunnel> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const accepted = new Promise<[WebSocket, ClientHttp2Session]>((resolve, reject) => {
    server.once('connection', (webSocket) => {
      http2ClientOver(webSocket).then((asking) => resolve([webSocket, asking]), reject);
    });
  });
  const dialled = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const answering = await new Promise<ServerHttp2Session>((resolve, reject) => {
    dialled.once('open', () => void http2ServerOver(dialled, listener).then(resolve, reject));
  });
  const [webSocket, asking] = await accepted;
  const dispose = async (): Promise<void> => {
    asking.destroy();
    dialled.terminate();
    webSocket.terminate();
    server.close();
  };
  return { asking, answering, webSockets: [webSocket, dialled], [Symbol.asyncDispose]: dispose };
}

const echo: StreamListener = (stream) => {
  stream.respond({ ':status': 200 });
  stream.pipe(stream);
};

/** Resolves when it has closed, with an error or without. */
const closed = (ended: ClientHttp2Session | ServerHttp2Session | ClientHttp2Stream): Promise<void> =>
  new Promise((resolve) => {
    if (ended.destroyed) return resolve();
    ended.once('close', resolve);
  });

/** Writes as much as the stream takes, and reads everything that arrives. */
function keepBusy(request: ClientHttp2Stream): void {
  const pump = (): void => {
    while (request.writable && request.write(MEGABYTE));
  };
  request.on('error', () => undefined);
  request.on('drain', pump).on('data', () => undefined);
  pump();
}

const MEGABYTE = Buffer.alloc(1024 * 1024, 7);

it('the tunnel carries requests and answers', async () => {
  await using ends = await tunnel(echo);
  const request = ends.asking.request({ ':method': 'POST', ':path': '/' });
  request.end('hello');
  expect((await buffer(request)).toString()).toBe('hello');
});

it('the tunnel carries 64 MB both ways at once', async () => {
  await using ends = await tunnel(echo);
  const request = ends.asking.request({ ':method': 'POST', ':path': '/' });
  const sending = (async () => {
    for (let sent = 0; sent < 64; sent += 1) if (!request.write(MEGABYTE)) await once(request, 'drain');
    request.end();
  })();
  let received = 0;
  for await (const chunk of request) received += (chunk as Buffer).length;
  await sending;
  expect(received).toBe(64 * MEGABYTE.length);
});

it.each(['up', 'down'] as const)(
  'the tunnel makes the writer wait when the bytes that go %s are not read',
  async (way) => {
    let written = 0;
    const flood = (stream: NodeJS.WritableStream): void => {
      while (written < 256 * MEGABYTE.length) {
        written += MEGABYTE.length;
        if (!stream.write(MEGABYTE)) return void stream.once('drain', () => flood(stream));
      }
    };
    await using ends = await tunnel((stream, headers) => {
      stream.respond({ ':status': 200 });
      if (headers[':path'] !== '/slow') stream.pipe(stream);
      else if (way === 'down') flood(stream);
    });
    const slow = ends.asking.request({ ':method': 'POST', ':path': '/slow' });
    slow.on('error', () => undefined);
    if (way === 'up') flood(slow);
    await once(slow, 'response');

    // Others are served meanwhile, often enough for the flood to have run dry.
    for (let round = 0; round < 50; round += 1) {
      const other = ends.asking.request({ ':method': 'POST', ':path': '/other' });
      other.end('x');
      expect((await buffer(other)).toString()).toBe('x');
    }
    expect(written).toBeLessThan(32 * MEGABYTE.length);
  },
);

it.each([0, 1])(
  'the tunnel survives an abrupt end of WebSocket %i in the middle of traffic, ten times',
  async (which) => {
    for (let round = 0; round < 10; round += 1) {
      await using ends = await tunnel(echo);
      const requests = Array.from({ length: 4 }, () =>
        ends.asking.request({ ':method': 'POST', ':path': '/' }),
      );
      for (const request of requests) keepBusy(request);
      await Promise.all(requests.map((request) => once(request, 'data')));
      ends.webSockets[which]?.terminate();
      await Promise.all([...requests, ends.asking, ends.answering].map(closed));
      expect(ends.webSockets.map(({ readyState }) => readyState)).toEqual([
        WebSocket.CLOSED,
        WebSocket.CLOSED,
      ]);
    }
  },
);

it('the tunnel notifies the answering end of a request that the asking end cancels', async () => {
  let gaveUp: (() => void) | undefined;
  const told = new Promise<void>((resolve) => (gaveUp = resolve));
  await using ends = await tunnel((stream) => {
    stream.respond({ ':status': 200 });
    stream.once('close', () => gaveUp?.());
  });
  const request = ends.asking.request({ ':method': 'POST', ':path': '/' });
  await once(request, 'response');
  request.close(8);
  await told;
  expect(ends.answering.destroyed).toBe(false);
});

it('the tunnel stays open while callers cancel 5,000 requests as fast as they can', async () => {
  await using ends = await tunnel(echo);
  const isCut = closed(ends.asking);
  for (let given = 0; given < 5000; given += 100) {
    const requests = Array.from({ length: 100 }, () => ends.asking.request({ ':method': 'POST' }));
    await Promise.race([isCut, Promise.all(requests.map((each) => once(each, 'response')))]);
    for (const request of requests) request.on('error', () => undefined).destroy(new Error('given up'));
    await Promise.all(requests.map(closed));
  }
  expect([ends.asking.destroyed, ends.answering.destroyed]).toEqual([false, false]);
});

it('the tunnel closes at both ends when one closes in order', async () => {
  await using ends = await tunnel(echo);
  ends.answering.close();
  await Promise.all(ends.webSockets.map((webSocket) => once(webSocket, 'close')));
  expect(ends.asking.destroyed).toBe(true);
});

it.each(['asking', 'answering'] as const)(
  'the tunnel closes after a GOAWAY from the %s end although streams are open',
  async (who) => {
    await using ends = await tunnel(echo);
    const open = ends.asking.request({ ':method': 'POST', ':path': '/' });
    const cut = closed(open);
    open.on('error', () => undefined);
    await once(open, 'response');
    ends[who].goaway(2);
    await Promise.all([cut, closed(ends.asking), closed(ends.answering)]);
    expect(open.destroyed).toBe(true);
  },
);

it('a failed answer ends its stream and no other', async () => {
  await using ends = await tunnel((stream, headers) => {
    if (headers[':path'] === '/bad') throw new Error('a listener that throws');
    echo(stream, headers);
  });
  const bad = ends.asking.request({ ':method': 'POST', ':path': '/bad' });
  await expect(once(bad, 'response')).rejects.toThrow(/INTERNAL_ERROR/);
  const good = ends.asking.request({ ':method': 'POST', ':path': '/' });
  good.end('still here');
  expect((await buffer(good)).toString()).toBe('still here');
});

it('watchLiveness ends a connection whose peer no longer answers', async () => {
  await using ends = await tunnel(echo);
  const [ours, theirs] = ends.webSockets;
  // A peer that is there for the network, but stopped.
  theirs.pause();
  watchLiveness(ours, 20);
  await closed(ends.asking);
  expect(ours.readyState).toBe(WebSocket.CLOSED);
});

it('watchLiveness keeps the connection of a silent peer that answers pings', async () => {
  await using ends = await tunnel(echo);
  watchLiveness(ends.webSockets[0], 5);
  await delay(100);
  expect(ends.asking.destroyed).toBe(false);
});

it('readLines yields one line at a time, however the bytes are split', async () => {
  await using ends = await tunnel((stream) => {
    stream.respond({ ':status': 200 });
    void (async () => {
      for await (const value of readLines(stream)) await writeLine(stream, { got: value });
      stream.end();
    })();
  });
  const request = ends.asking.request({ ':method': 'POST', ':path': '/' });
  request.write('{"a":"');
  request.write(Buffer.from('ü').subarray(0, 1));
  request.write(Buffer.from('ü').subarray(1));
  request.end('"}\n\n[1]\n2');
  const values: unknown[] = [];
  for await (const value of readLines(request)) values.push(value);
  expect(values).toEqual([{ got: { a: 'ü' } }, { got: [1] }, { got: 2 }]);
});

it('readLines rejects when the connection is cut', async () => {
  await using ends = await tunnel((stream) => {
    stream.respond({ ':status': 200 });
    stream.write('1\n');
  });
  const request = ends.asking.request({ ':method': 'POST', ':path': '/' });
  const read = async (): Promise<void> => {
    for await (const _value of readLines(request)) ends.webSockets[1].terminate();
  };
  await expect(read()).rejects.toThrow(/closed|cancel|aborted|premature|cut/i);
});
