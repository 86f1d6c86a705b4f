import { afterEach, expect, it, vi } from 'vitest';

import { FILES_PATH } from './folder-store.js';
import { LinkSigner } from './link-signer.js';
import type { UploadTarget } from './object-store.js';
import { signatureRefusal } from './s3-signature.js';

const account = {
  region: 'local',
  bucket: 'cyberun',
  accessKeyId: 'cyberun',
  secretAccessKey: 'secret',
  addressing: 'path',
} as const;
const PUBLIC = 'https://files.example.com/behind/a/prefix';
const LOOPBACK = 'http://127.0.0.1:8080';
const ENDPOINTS = { public: PUBLIC + FILES_PATH, loopback: LOOPBACK + FILES_PATH };
const links = new LinkSigner(account);
const signer = {
  upload: (target: UploadTarget, audience: keyof typeof ENDPOINTS) =>
    links.upload(ENDPOINTS[audience], target),
  download: (key: string, audience: keyof typeof ENDPOINTS) => links.download(ENDPOINTS[audience], key),
};
const KEY = 'inputs/team/x/y/ä b+(1)*.txt';

/** What arrives when a proxy strips the prefix of the public address. */
const arriving = (method: string, url: string, headers: Record<string, string> = {}) => ({
  method,
  target: url.slice(url.indexOf('/api/')),
  headers,
});
const refusal = (request: ReturnType<typeof arriving>, origins = [PUBLIC, LOOPBACK]) =>
  signatureRefusal(request, account, origins);

afterEach(() => vi.useRealTimers());

it.each(['public', 'loopback'] as const)(
  'a link by the stock AWS presigner for %s is accepted',
  async (audience) => {
    expect(refusal(arriving('GET', await signer.download(KEY, audience)))).toBeUndefined();
    const { url, headers } = await signer.upload({ key: KEY, size: 3 }, audience);
    const lower = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
    );
    expect(refusal(arriving('PUT', url, lower))).toBeUndefined();
    expect(refusal(arriving('PUT', url, { ...lower, 'content-length': '4' }))).toBe('SignatureDoesNotMatch');
    expect(refusal(arriving('PUT', url, { 'content-length': '3' }))).toBe('SignatureDoesNotMatch');
  },
);

it('a link is only valid for its method, path, query and host', async () => {
  const url = await signer.download(KEY, 'public');
  expect(refusal(arriving('PUT', url))).toBe('SignatureDoesNotMatch');
  expect(refusal(arriving('GET', url.replace('/x/', '/z/')))).toBe('SignatureDoesNotMatch');
  expect(refusal(arriving('GET', `${url}&response-content-type=text%2Fhtml`))).toBe('SignatureDoesNotMatch');
  expect(refusal(arriving('GET', url.replace('X-Amz-Expires=3600', 'X-Amz-Expires=9999')))).toBe(
    'SignatureDoesNotMatch',
  );
  expect(refusal(arriving('GET', url), [LOOPBACK])).toBe('SignatureDoesNotMatch');
  expect(refusal(arriving('GET', url.replace(/Signature=\w+/, 'Signature=00')))).toBe(
    'SignatureDoesNotMatch',
  );
});

it('a link is only valid for its store', async () => {
  const url = await signer.download(KEY, 'public');
  expect(refusal(arriving('GET', url.replace('cyberun%2F', 'other%2F')))).toBe('AccessDenied');
  expect(refusal(arriving('GET', url.split('?')[0] ?? ''))).toBe('AccessDenied');
  expect(refusal(arriving('GET', url.replace(/&X-Amz-Signature=\w+/, '')))).toBe('AccessDenied');
});

it('a link expires after an hour', async () => {
  const url = await signer.download(KEY, 'public');
  vi.useFakeTimers({ now: Date.now() + 3_590_000, toFake: ['Date'] });
  expect(refusal(arriving('GET', url))).toBeUndefined();
  vi.setSystemTime(Date.now() + 20_000);
  expect(refusal(arriving('GET', url))).toBe('ExpiredLink');
});
