import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { installedNginx, type Proxy, startNginx } from '../conformance/nginx.js';
import { HaProxy } from '../support/haproxy.js';
import { FuzzTarget, KEY } from './fuzz/target.js';
import { trials } from './fuzz/seed.js';
import { nodeFetch, type Outcome, type Upload, type Uploader, Uploaders } from './uploads/uploaders.js';

/** Go compiles its standard library first on a new machine. */
const BUILD_LIMIT_MS = 900_000;
/** Of each client by each route. */
const UPLOADS = trials(40).numRuns;
const LEAST_BYTES = 4_300_000;
const MOST_BYTES = 20_000_000;
/** From 4.3 to 20 MB, small and large ones in turn and more of the small; the limit is 4 MiB. */
const SIZES = Array.from({ length: UPLOADS }, (_, n) => {
  const share = (n % 2 === 0 ? n : UPLOADS - n) / UPLOADS;
  return Math.round(LEAST_BYTES + (MOST_BYTES - LEAST_BYTES) * share ** 3);
});

const started = new AsyncDisposableStack();
let target: FuzzTarget;
let nginx: Proxy;
let haproxy: HaProxy;
let uploaders: Uploaders;

beforeAll(async () => {
  uploaders = started.use(await Uploaders.build());
  target = started.use(await FuzzTarget.start());
  const { endpoint } = target.server;
  const port = Number(new URL(endpoint).port);
  nginx = await startNginx(installedNginx(), { endpoint });
  started.defer(() => nginx.stop());
  haproxy = started.use(await HaProxy.start([port, port]));
}, BUILD_LIMIT_MS);

afterAll(() => started.disposeAsync());

const ROUTES: Readonly<Record<string, () => string>> = {
  directly: () => target.server.endpoint,
  'through nginx': () => nginx.url,
  'through HAProxy': () => haproxy.endpoint,
};
const CLIENTS: Readonly<Record<string, () => Uploader>> = {
  'Node’s fetch': () => nodeFetch,
  'Go’s net/http': () => uploaders.go,
  'curl, waiting for 100 Continue,': () => uploaders.curl,
  'curl, sending at once,': () => uploaders.curlAtOnce,
};
const WAYS = Object.entries(CLIENTS).flatMap(([client, uploader]) =>
  Object.entries(ROUTES).map(([route, url]) => ({ client, route, uploader, url })),
);

const usual = { authorization: `Bearer ${KEY}`, contentType: 'application/json' };
const REFUSALS: Readonly<Record<string, Omit<Upload, 'url'>>> = {
  401: { ...usual, authorization: 'Bearer dk-0123456789' },
  415: { ...usual, contentType: 'text/plain' },
};

/** How often each answer came, by its status, or by what the client says when it got none. */
function tally(outcomes: readonly Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, body } of outcomes) {
    const isOurs = body.startsWith('{"jsonrpc":"2.0","error":{"code":-32000,');
    const key = isOurs ? String(status) : `${status}: ${body.slice(0, 300)}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

describe.each(WAYS)('$client $route', ({ uploader, url }) => {
  it(`the client gets a 413 for each of ${UPLOADS} bodies above the limit`, async () => {
    expect(tally(await uploader()({ ...usual, url: url() }, SIZES))).toEqual({ 413: UPLOADS });
  });

  it.each(Object.entries(REFUSALS))(
    'the client gets a %s that the server sends before it reads the body',
    async (status, upload) => {
      const sizes = SIZES.slice(0, 10);
      expect(tally(await uploader()({ ...upload, url: url() }, sizes))).toEqual({ [status]: sizes.length });
    },
  );
});
