import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, expect, it } from 'vitest';

import { credentialsFor, placeOf } from './registry-credentials.js';

const folder = mkdtempSync(join(tmpdir(), 'registries-'));
afterAll(() => rmSync(folder, { recursive: true }));

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const file = join(folder, 'config.json');
writeFileSync(
  file,
  JSON.stringify({
    credsStore: 'desktop',
    auths: {
      'https://index.docker.io/v1/': { auth: base64('hub:a:b') },
      'ghcr.io': { auth: base64('all:1') },
      'ghcr.io/team': { username: 'team', password: '2' },
      'tokens.example.com': { auth: base64('00000000-0000:'), identitytoken: 'token' },
      'empty.example.com': {},
    },
  }),
);

it.each([
  ['python', 'docker.io/library/python'],
  ['python:3.13', 'docker.io/library/python'],
  ['team/python@sha256:0', 'docker.io/team/python'],
  ['localhost/python', 'localhost/python'],
  ['localhost:5000/python:1', 'localhost:5000/python'],
  ['ghcr.io/team/python:1', 'ghcr.io/team/python'],
])('the place of image %s is %s', (image, place) => {
  expect(placeOf(image)).toBe(place);
});

it.each([
  ['python', { username: 'hub', password: 'a:b' }],
  ['ghcr.io/other/python', { username: 'all', password: '1' }],
  ['ghcr.io/team/python:2', { username: 'team', password: '2' }],
  ['ghcr.io/teams/python', { username: 'all', password: '1' }],
  ['tokens.example.com/python', { identitytoken: 'token' }],
])('the credentials for image %s are those of the closest entry', async (image, credentials) => {
  expect(await credentialsFor(image, file)).toMatchObject(credentials);
});

it('an image of a registry without an entry, or with an empty one, has no credentials', async () => {
  expect(await credentialsFor('quay.io/python', file)).toBeUndefined();
  expect(await credentialsFor('empty.example.com/python', file)).toBeUndefined();
  expect(await credentialsFor('python', undefined)).toBeUndefined();
});

it('a file of credentials that cannot be used is reported without its contents', async () => {
  const broken = join(folder, 'broken.json');
  writeFileSync(broken, '{"auths": {"ghcr.io": {"auth": "secret"');
  const sentence = 'the file of registry credentials of the agent cannot be used';
  await expect(credentialsFor('python', broken)).rejects.toThrow(`${sentence} (its contents are not those`);
  await expect(credentialsFor('python', join(folder, 'none.json'))).rejects.toThrow(`${sentence} (ENOENT)`);
});
