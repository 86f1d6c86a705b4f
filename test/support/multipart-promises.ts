import { randomBytes } from 'node:crypto';

import { expect, it } from 'vitest';

import { TEAM_ID } from '../../src/runtime/database/index.js';
import { FilesService, ObjectStore } from '../../src/runtime/files/index.js';
import { shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import type { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { PartsUpload, type Presigned, putBytes, sha256 } from './upload-in-parts.js';

const MIB = 1024 * 1024;
/** The smallest part of S3, and one for stores without a smallest part. */
export const S3_PART = 5 * MIB;
export const SMALL_PART = 256 * 1024;
/** Of three parts, the last one smaller. */
export const fileOf = (partBytes: number): Buffer => randomBytes(2.25 * partBytes);
/** What the agent leaves in the promises below. */
export const largeOutput = (partBytes: number): string =>
  shellWorkflow('large', `head -c ${2.25 * partBytes} /dev/zero > output/large.bin`);

export async function presign(server: RuntimeServer, file_size: number): Promise<Presigned> {
  const wanted = { file_name: 'large.bin', file_size, content_type: 'application/octet-stream' };
  const { status, body } = await server.call('POST', '/r/files/presign', wanted);
  expect(status).toBe(200);
  return body as Presigned;
}

/** The bytes of an uploaded file, as a run gets them. */
export async function read(server: RuntimeServer, fileKey: string): Promise<Uint8Array> {
  const team = server.app.get<string>(TEAM_ID, { strict: false });
  const { url } = await server.app.get(FilesService, { strict: false }).inputLink(team, fileKey, 'loopback');
  return (await fetch(url)).bytes();
}

const messageOf = async (response: Response): Promise<[number, string]> => [
  response.status,
  ((await response.json()) as { error_message: string }).error_message,
];

/** versitygw resets a connection whose body it does not want. */
const REFUSED = [403, 'reset'];
const statusOf = (sent: Promise<Response>): Promise<number | 'reset'> =>
  sent.then(
    ({ status }) => status,
    () => 'reset' as const,
  );

/** What holds for uploads in parts with every file store. */
export function promiseMultipart(server: () => RuntimeServer, partBytes: number): void {
  const file = fileOf(partBytes);

  it('a file of one part is offered no parts, and a large one is still taken by its single link', async () => {
    expect(await presign(server(), partBytes)).not.toHaveProperty('multipart');
    const large = await presign(server(), file.length);
    expect(large.multipart).toEqual({
      start_url: expect.stringContaining('/api/v1/uploads/'),
      part_size: partBytes,
      part_count: 3,
    });
    expect((await putBytes(large.upload_url, large.upload_headers, file)).status).toBe(200);
    expect(sha256(await read(server(), large.file_key))).toBe(sha256(file));
  });

  it('parts that are sent in any order, and twice, become the file', async () => {
    const presigned = await presign(server(), file.length);
    const upload = await PartsUpload.begin(presigned);
    const { parts, next_part_number } = await upload.parts();
    expect(next_part_number).toBeUndefined();
    expect(parts.map(({ part_number, part_size }) => [part_number, part_size])).toEqual([
      [1, partBytes],
      [2, partBytes],
      [3, partBytes / 4],
    ]);
    const [first, second, third] = parts;
    if (!first || !second || !third) throw new Error('a part is missing');
    await upload.put(third, file);
    await upload.put(first, randomBytes(file.length));
    await upload.put(first, file);
    expect((await upload.parts(2)).parts.map(({ etag }) => etag !== undefined)).toEqual([false, true]);
    await upload.put(second, file);
    const done = await upload.complete();
    expect([done.status, await done.json()]).toEqual([200, { file_key: presigned.file_key }]);
    expect(sha256(await read(server(), presigned.file_key))).toBe(sha256(file));
  });

  it('an upload is completed only with all of its parts, named in order and as they are stored', async () => {
    const presigned = await presign(server(), file.length);
    const upload = await PartsUpload.begin(presigned);
    const { parts } = await upload.parts();
    for (const part of parts.slice(0, 2)) await upload.put(part, file);
    expect(await messageOf(await upload.complete())).toEqual([
      400,
      expect.stringMatching(/^Part 3 of 3 is missing/),
    ]);
    await upload.putAll(file);
    const stored = (await upload.parts()).parts.map(({ part_number, etag }) => ({ part_number, etag }));
    const [first, second, third] = stored;
    for (const [named, sentence] of [
      [[second, first, third], /^parts\[0\] must be part_number 1: name the parts in order/],
      [[first, second], /^parts has 2 part\(s\), but the file has 3/],
      [[first, { part_number: 2, etag: '"0"' }, third], /^The etag of part 2 is not that of the stored part/],
      [[{ part_number: 'one' }], /^parts must have an object of part_number and etag/],
    ] as const)
      expect(await messageOf(await upload.complete({ parts: named }))).toEqual([
        400,
        expect.stringMatching(sentence),
      ]);
    expect(await messageOf(await upload.complete({ part: [] }))).toEqual([
      400,
      expect.stringContaining('"part"'),
    ]);
    expect((await upload.complete({ parts: stored })).status).toBe(200);
    expect(sha256(await read(server(), presigned.file_key))).toBe(sha256(file));
  });

  it('a link of a part takes only this part, of its size', async () => {
    const upload = await PartsUpload.begin(await presign(server(), file.length));
    const [part] = (await upload.parts()).parts;
    if (!part) throw new Error('no part');
    const { upload_url, upload_headers } = part;
    expect(upload_url).toContain('partNumber=1');
    const other = upload_url.replace('partNumber=1', 'partNumber=2');
    const bytes = file.subarray(0, partBytes);
    expect(REFUSED).toContain(await statusOf(putBytes(other, upload_headers, bytes)));
    expect(REFUSED).toContain(await statusOf(putBytes(upload_url, upload_headers, file)));
    expect(REFUSED).toContain(await statusOf(putBytes(upload_url, upload_headers, bytes.subarray(1))));
    expect((await upload.parts()).parts.map(({ etag }) => etag)).toEqual([undefined, undefined, undefined]);
  });

  it('parts never replace a file that exists', async () => {
    const presigned = await presign(server(), file.length);
    const upload = await PartsUpload.begin(presigned);
    await upload.putAll(randomBytes(file.length));
    await putBytes(presigned.upload_url, presigned.upload_headers, file);
    expect(await messageOf(await upload.complete())).toEqual([
      412,
      expect.stringContaining('never overwritten'),
    ]);
    expect(sha256(await read(server(), presigned.file_key))).toBe(sha256(file));
  });

  it('an aborted or completed upload takes nothing more', async () => {
    for (const end of ['abort', 'complete'] as const) {
      const upload = await PartsUpload.begin(await presign(server(), file.length));
      await upload.putAll(file);
      const [part] = (await upload.parts()).parts;
      expect((await upload[end]()).ok).toBe(true);
      expect([404, 'reset']).toContain(part && (await statusOf(upload.put(part, file))));
      const parts = await fetch(upload.partsUrl);
      expect(await messageOf(parts)).toEqual([410, expect.stringContaining('presign the file again')]);
      // The answer to the first request may have been lost: what is complete is said to be complete again.
      expect((await upload.complete()).status).toBe(end === 'complete' ? 200 : 410);
      expect((await upload.abort()).status).toBe(204);
    }
  });

  it('of two requests that complete an upload at the same time, one makes the file', async () => {
    const presigned = await presign(server(), file.length);
    const upload = await PartsUpload.begin(presigned);
    await upload.putAll(file);
    const statuses = (await Promise.all([upload.complete(), upload.complete()])).map(({ status }) => status);
    expect(statuses).toContain(200);
    expect(sha256(await read(server(), presigned.file_key))).toBe(sha256(file));
  });

  it('links of uploads are refused when they were changed, have expired or are for another step', async () => {
    const presigned = await presign(server(), file.length);
    const { start_url = '' } = presigned.multipart ?? {};
    const changed = start_url.replace(/\/uploads\/..../, '/uploads/AAAA');
    expect(await messageOf(await fetch(changed, { method: 'POST' }))).toEqual([
      403,
      expect.stringContaining('not signed'),
    ]);
    const early = await fetch(`${start_url}/complete`, { method: 'POST' });
    expect(await messageOf(early)).toEqual([403, expect.stringContaining('POST to it first')]);
    const { abortUrl } = await PartsUpload.begin(presigned);
    const again = await fetch(abortUrl, { method: 'POST' });
    expect(await messageOf(again)).toEqual([403, expect.stringContaining('has begun')]);
    const queried = await fetch(`${start_url}?force=1`, { method: 'POST' });
    expect(await messageOf(queried)).toEqual([400, expect.stringContaining('"force"')]);
  });

  it('an upload that was left is removed after its time, and not before', async () => {
    const upload = await PartsUpload.begin(await presign(server(), file.length));
    await upload.putAll(file);
    const { multipart } = server().app.get(ObjectStore, { strict: false });
    const { signal } = new AbortController();
    await multipart.removeOlder('inputs', new Date(Date.now() - 60_000), signal);
    expect((await upload.parts()).parts).toHaveLength(3);
    await multipart.removeOlder('outputs', new Date(Date.now() + 60_000), signal);
    expect((await upload.parts()).parts).toHaveLength(3);
    await multipart.removeOlder('inputs', new Date(Date.now() + 60_000), signal);
    expect((await upload.complete()).status).toBe(410);
  });

  it('an agent stores a large output in parts', async () => {
    await using _agent = await TestAgent.start(server());
    const id = await server().submit('large', {});
    await server().events(id);
    const { body } = await server().get(`/r/tasks/${id}/result`);
    const response = await fetch(body.download_urls['large.bin'] as string);
    expect(sha256(await response.bytes())).toBe(sha256(Buffer.alloc(file.length)));
  });
}
