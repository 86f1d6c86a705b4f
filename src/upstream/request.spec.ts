import { expect, it } from 'vitest';

import { encodePath } from './request.js';

it.each([
  [['r', 'workflows', 'slug', 'text-to-image@2'], 'r/workflows/slug/text-to-image@2'],
  [['a b', 'ü', '%2e%2e', '?x=1', '#y'], 'a%20b/%C3%BC/%252e%252e/%3Fx%3D1/%23y'],
])('encodePath encodes the path %j', (segments, path) => expect(encodePath(segments)).toBe(path));

it.each(['', '.', '..', 'a/b', 'a\\b', '../x', 'a\u0000', 'a\nb', '\u007F', '\u0085', '\uD800'])(
  'encodePath rejects a path with the segment %j',
  (segment) => expect(encodePath(['r', segment])).toBeUndefined(),
);
