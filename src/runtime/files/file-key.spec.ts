import { expect, it } from 'vitest';

import { contentDisposition, inputKey, outputKey, parseFileKey } from './file-key.js';

const TEAM = '01a203c5-33ab-7000-bc61-2d0781f6a0ce';
const run = { teamId: TEAM, taskId: '01a203c5-3419-7000-9c3e-8e3891df85cd', attempt: 2 };

it.each(['photo.png', 'ünïcode 😀.txt', '..', '.', 'a/b\\c', 'x\u0000y', '😀'.repeat(100), ''])(
  'a key makes the name %j safe and contains team and type',
  (name) => {
    for (const key of [inputKey(TEAM, name, 'image/png'), outputKey(run, name, 'image/png')]) {
      expect(parseFileKey(key)).toMatchObject({ teamId: TEAM, contentType: 'image/png' });
      expect(key.split('/')).toHaveLength(key.startsWith('inputs') ? 5 : 6);
      expect(Buffer.byteLength(key.split('/').at(-1) ?? '')).toBeLessThanOrEqual(200);
    }
  },
);

it('a key is unique for each upload, and contains task and attempt for outputs', () => {
  expect(inputKey(TEAM, 'a', 'b/c')).not.toBe(inputKey(TEAM, 'a', 'b/c'));
  expect(outputKey(run, 'a.txt', 'text/plain')).toContain(`${run.taskId}/2/`);
});

it('a key does not contain an invalid media type', () => {
  for (const type of ['text/plain; a=é', 'text/plain\n;', `text/${'x'.repeat(200)}`]) {
    expect(parseFileKey(inputKey(TEAM, 'a', type))?.contentType).toBe('application/octet-stream');
  }
  expect(parseFileKey(inputKey(TEAM, 'a', 'text/html\r\nX: y'))?.contentType).toBe(
    'application/octet-stream',
  );
});

it.each([
  '',
  'inputs',
  'secrets/a/b/c/d',
  `inputs/${TEAM}/../b/c`,
  `inputs/${TEAM}//b/c`,
  `inputs/${TEAM}/a/b/c/d`,
  `inputs/${TEAM}/a/b/c\\d`,
  '../inputs/a/b/c',
])('the text %j is not a key', (key) => {
  expect(parseFileKey(key)).toBeUndefined();
});

it.each([
  ['photo.png', `attachment; filename="photo.png"; filename*=UTF-8''photo.png`],
  ['a café (1).txt', `attachment; filename="a caf_ (1).txt"; filename*=UTF-8''a%20caf%C3%A9%20%281%29.txt`],
  [`"50%"'.txt`, `attachment; filename="_50__'.txt"; filename*=UTF-8''%2250%25%22%27.txt`],
])('a browser saves %s under its name', (name, header) => {
  expect(contentDisposition(name)).toBe(header);
});
