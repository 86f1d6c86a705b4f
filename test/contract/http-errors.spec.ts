import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { HTTP_ERRORS } from '../support/http-errors.js';

/** Where requests are refused before they are a session's or a tool's. */
const EDGE = ['src/http', 'src/mcp/http', 'src/mcp/auth', 'src/mcp/endpoint', 'src/mcp/calls'];
const STATUS = /(?:new JsonRpcHttpError\(\s*|status: |error\()([45]\d\d)\b/g;

it('every status that the edge refuses with is in the table that e2e tests try', () => {
  const sources = EDGE.flatMap((area) => globSync(`${area}/*.ts`, { cwd: packagePaths.root }))
    .filter((file) => !file.endsWith('.spec.ts'))
    .map((file) => readFileSync(join(packagePaths.root, file), 'utf8'));
  const statuses = new Set(
    sources.flatMap((source) => [...source.matchAll(STATUS)].map(([, status]) => status)),
  );
  expect(statuses).toContain('413');
  expect([...statuses].filter((status) => !(String(status) in HTTP_ERRORS))).toEqual([]);
});
