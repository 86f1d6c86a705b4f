import { expect, it } from 'vitest';

import { LinkSigner } from './link-signer.js';

const account = {
  region: 'eu-central-1',
  bucket: 'cyberun-files',
  accessKeyId: 'AKIA',
  secretAccessKey: 'secret',
} as const;
const ENDPOINT = 'https://s3.example.com:9000';

it('a link of a store addressed by path has the bucket in its path', async () => {
  const url = await new LinkSigner({ ...account, addressing: 'path' }).download(ENDPOINT, 'a/b');
  expect(url).toMatch(/^https:\/\/s3\.example\.com:9000\/cyberun-files\/a\/b\?/);
  expect(url).toContain('X-Amz-Credential=AKIA%2F');
  expect(url).toContain('%2Feu-central-1%2Fs3%2F');
  expect(url).not.toContain('X-Amz-Security-Token');
});

it('a link of a store addressed by virtual host has the bucket in its host', async () => {
  const signer = new LinkSigner({ ...account, addressing: 'virtual-host' });
  const { url } = await signer.upload(ENDPOINT, { key: 'a/b', size: 3 });
  expect(url).toMatch(/^https:\/\/cyberun-files\.s3\.example\.com:9000\/a\/b\?/);
  expect(new URL(url).searchParams.get('X-Amz-SignedHeaders')).toBe('content-length;host;if-none-match');
});

it('a link made with temporary credentials has their session token', async () => {
  const signer = new LinkSigner({ ...account, addressing: 'path', sessionToken: 'a/token+' });
  const url = new URL(await signer.download(ENDPOINT, 'a/b'));
  expect(url.searchParams.get('X-Amz-Security-Token')).toBe('a/token+');
});
