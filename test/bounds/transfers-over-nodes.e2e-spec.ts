import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { freePort } from '../support/free-port.js';
import { ownAccount } from '../../src/runtime/files/files-secret.js';
import { LinkSigner } from '../../src/runtime/files/link-signer.js';
import { bulkServiceFolder, BulkService, bytes, growthDuring, hashOf, MIB } from '../support/bulk-service.js';
import { PostgresqlServer } from '../support/postgresql-server.js';
import { PrivateCa, TlsProxy } from '../support/private-ca.js';
import { until } from '../support/processes.js';
import { ServerProcess } from '../support/server.js';

/** `TRANSFER_MIB=1024` for a whole GiB; files are smaller. */
const SIZE = Number(process.env['TRANSFER_MIB'] ?? 128) * MIB;
const FILE_SIZE = Math.min(SIZE, 400 * MIB);
/** What a node may take for one transfer, of any size. */
const ONE_TRANSFER_MIB = 120;
const KEY = 'sk-transfers-0123456789abcdef';

const resources = new AsyncDisposableStack();
const expected = hashOf(bytes(SIZE));
let environment: Record<string, string>;
let trusting: Record<string, string>;
/** The node that gets the calls, and the one that has the agent and its files; they reach one another over TLS. */
let front: Node;
let back: Node;
let service: BulkService;

interface Node {
  readonly server: ServerProcess;
  readonly origin: string;
}

/** A node with a TLS proxy in front, whose address the other nodes use. */
async function node(role: string, own: Record<string, string> = {}): Promise<Node> {
  const port = own['CYBERUN_HTTP_PORT'] ?? String(await freePort());
  const proxy = resources.use(await TlsProxy.start(ca, Number(port)));
  const settings = { ...environment, CYBERUN_HTTP_PORT: port, CYBERUN_NODE_URL: proxy.origin, ...own };
  const server = resources.use(await ServerProcess.start(settings, ['--role', role]));
  return { server, origin: `http://127.0.0.1:${port}` };
}

const serviceAt = ({ origin }: Node): BulkService => new BulkService({ api: `${origin}/api/v1`, key: KEY });

let ca: PrivateCa;
beforeAll(async () => {
  ca = resources.use(await PrivateCa.make());
  const postgresql = resources.use(await PostgresqlServer.start());
  const folder = resources.adopt(await bulkServiceFolder(), (path) => rm(path, { recursive: true }));
  const port = String(await freePort());
  environment = {
    CYBERUN_DATABASE_URL: await postgresql.newDatabase(),
    CYBERUN_BOOTSTRAP_KEY: KEY,
    CYBERUN_HTTP_PUBLIC_URL: `http://127.0.0.1:${port}`,
  };
  trusting = { NODE_EXTRA_CA_CERTS: ca.certificate };
  back = await node('all', { ...trusting, CYBERUN_SERVICES_DIR: folder });
  front = await node('runtime', { ...trusting, CYBERUN_HTTP_PORT: port });
  service = serviceAt(front);
  await until(() => service.isRunning());
});
afterAll(() => resources.disposeAsync());

const pids = (): { front: number; back: number } => ({
  front: front.server.child.pid ?? 0,
  back: back.server.child.pid ?? 0,
});
const errorsOf = ({ server: { log } }: Node): string[] =>
  log.filter((line) => line.includes('"level":"error"'));
const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };

function expectFlat(growth: { front: number; back: number }): void {
  expect(growth.front).toBeLessThan(ONE_TRANSFER_MIB);
  expect(growth.back).toBeLessThan(ONE_TRANSFER_MIB);
}

it('a large answer of a service at another node arrives unchanged, and takes little memory of both nodes', async () => {
  let received = '';
  const growth = await growthDuring(pids(), async () => {
    received = await hashOf(await service.get(`/bytes/${SIZE}`));
  });
  expect(received).toBe(await expected);
  expectFlat(growth);
});

it('a large body reaches a service at another node unchanged, and takes little memory of both nodes', async () => {
  let got = {};
  const growth = await growthDuring(pids(), async () => {
    got = await service.upload(SIZE);
  });
  expect(got).toEqual({ total: SIZE, hash: await expected });
  expectFlat(growth);
});

/** A file that `back` will keep, and a link for its upload, which leads to `front`. */
async function presign(): Promise<{ file_key: string; upload_url: string }> {
  const body = JSON.stringify({
    file_name: 'a.bin',
    file_size: FILE_SIZE,
    content_type: 'application/octet-stream',
  });
  const answer = await fetch(`${back.origin}/api/v1/r/files/presign`, { method: 'POST', headers, body });
  return (await answer.json()) as { file_key: string; upload_url: string };
}

function putting({ upload_url }: { upload_url: string }, at: Node = front): ClientRequest {
  const { host, pathname, search } = new URL(upload_url);
  const sent = request(at.origin + pathname + search, {
    method: 'PUT',
    agent: false,
    headers: {
      host,
      'content-length': String(FILE_SIZE),
      'content-type': 'application/octet-stream',
      'if-none-match': '*',
    },
  });
  sent.on('error', () => undefined);
  return sent;
}

it('a large file goes up and comes down through the wrong node unchanged, and takes little memory of both nodes', async () => {
  const file = await presign();
  let received = '';
  const growth = await growthDuring(pids(), async () => {
    const sent = putting(file);
    Readable.from(bytes(FILE_SIZE), { objectMode: false }).pipe(sent);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(200);
    const signer = new LinkSigner(await ownAccount(back.server.dataDir));
    const url = await signer.download(`${front.origin}/api/v1/files`, file.file_key);
    const [download] = (await once(request(url).end(), 'response')) as [IncomingMessage];
    received = await hashOf(download);
  });
  expect(received).toBe(await hashOf(bytes(FILE_SIZE)));
  expectFlat(growth);
});

it('a node that does not trust the CA of another one forwards nothing to it; its log says what to set', async () => {
  const wary = await node('runtime');
  const answer = await serviceAt(wary).get('/small');
  expect(answer.statusCode).toBe(502);
  expect(JSON.parse((await answer.setEncoding('utf8').toArray()).join(''))).toEqual({
    error_message: expect.stringContaining('cannot be reached at the moment, so the call had no effect'),
  });
  const refused = putting(await presign(), wary);
  refused.flushHeaders();
  const [unsent] = (await once(refused, 'response')) as [IncomingMessage];
  expect(unsent.statusCode).toBe(503);
  refused.destroy();
  for (const line of ['so its services cannot be called here', 'could not be forwarded to https://']) {
    expect(wary.server.log.find((each) => each.includes(line))).toMatch(
      /unable to verify the first certificate.*NODE_EXTRA_CA_CERTS/,
    );
  }
});

it('when the node with the agent is killed, calls in progress at another node end with 502 or break off', async () => {
  const download = await service.get(`/bytes/${SIZE}`);
  const broken = once(download, 'error');
  const upload = service.send('/hash', 'POST', { 'content-length': String(SIZE) });
  upload.on('error', () => undefined);
  const answered = once(upload, 'response') as Promise<[IncomingMessage]>;
  upload.write(Buffer.alloc(MIB));
  const put = putting(await presign());
  const stored = once(put, 'response') as Promise<[IncomingMessage]>;
  put.write(Buffer.alloc(MIB));
  await once(download, 'readable');
  await back.server.end('SIGKILL');
  const [answer] = await answered;
  expect(answer.statusCode).toBe(502);
  expect(JSON.parse((await answer.setEncoding('utf8').toArray()).join(''))).toEqual({
    error_message: expect.stringContaining('The call may have taken effect'),
  });
  download.resume();
  await broken;
  expect(download.complete).toBe(false);
  const [unstored] = await stored;
  unstored.resume();
  expect(unstored.statusCode).toBe(503);
  expect((await fetch(`${front.origin}/api/v1/r/containers`, { headers })).status).toBe(200);
  expect(errorsOf(front)).toEqual([]);
});
