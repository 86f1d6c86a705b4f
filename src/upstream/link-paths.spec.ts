import { expect, it } from 'vitest';

import { linkPath, reachable } from './link-paths.js';

it.each([
  ['/api/v1/links/abc', '/links/abc'],
  ['/api/v1/uploads/abc/parts?from=2', '/uploads/abc/parts?from=2'],
  [
    '/api/v1/files/cyberun/input/a%20b.txt?X-Amz-Signature=1',
    '/files/cyberun/input/a%20b.txt?X-Amz-Signature=1',
  ],
  ['/api/v1/links/abc?note=../r/tasks', '/links/abc?note=../r/tasks'],
])('the target %s is the link %s of the Runtime API, unchanged', (target, path) => {
  expect(linkPath(target)).toBe(path);
});

it.each([
  '/api/v1/r/tasks',
  '/api/v1/links',
  '/api/v1/links/',
  '/api/v1/linksx/abc',
  '/api/v1/files/../r/tasks',
  '/api/v1/files/%2e%2E/r/tasks',
  '/api/v1/files/a/..%2Fr/tasks',
  '/api/v1/files/a\\..\\r',
  '/api/v1/files/a/.',
  '/links/abc',
  'http://other.example.com/api/v1/links/abc',
])('the target %s is no link', (target) => {
  expect(linkPath(target)).toBeUndefined();
});

const PUBLIC = 'https://mcp.example.com';
const RUNTIME = 'http://runtime.team.svc/api/v1';

it.each([
  ['of the public address is opened at the runtime', `${PUBLIC}/api/v1/links/abc`, `${RUNTIME}/links/abc`],
  ['of an object store stays', 'https://s3.example.com/a?b=c', 'https://s3.example.com/a?b=c'],
  ['of another path stays', `${PUBLIC}/other/abc`, `${PUBLIC}/other/abc`],
  ['of a longer name stays', `${PUBLIC}.org/api/v1/links/a`, `${PUBLIC}.org/api/v1/links/a`],
])('a link %s', (_what, url, target) => {
  expect(reachable(url, PUBLIC, RUNTIME)).toBe(target);
});
