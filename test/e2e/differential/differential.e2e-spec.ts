import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { KEY, McpApp } from '../../support/mcp-app.js';
import { exchange, type Side } from './exchange.js';
import { sessionRequests } from './session-requests.js';
import { statelessRequests } from './stateless-requests.js';
import { Oracle } from './oracle.js';
import { DIFFERENCES, type Row } from './row.js';

let app: McpApp;
let json: Oracle;
let streams: Oracle;

beforeAll(async () => {
  [app, json, streams] = await Promise.all([
    McpApp.start({ tools: 'plain' }),
    Oracle.start({ json: true }),
    Oracle.start({ json: false }),
  ]);
});

afterAll(async () => {
  await Promise.all([app, json, streams].map((side) => side[Symbol.asyncDispose]()));
});

const ours = (): Side => ({ url: app.url, headers: { Authorization: `Bearer ${KEY}` } });
const sdk = (row: Row): Side => ({ url: row.streams ? streams.url : json.url, headers: {} });

describe.each([
  ['2025-11-25 and before', sessionRequests],
  ['2026-07-28', statelessRequests],
])('at %s', (_revision, rows) => {
  const agreed = rows.filter(({ difference }) => difference === undefined);
  it.each(agreed)('our transport and the SDK agree on $what', async (row) => {
    const [mine, theirs] = await Promise.all([exchange(ours(), row), exchange(sdk(row), row)]);
    expect(mine).toEqual(theirs);
  });
});

const differing = [...sessionRequests, ...statelessRequests].filter(
  ({ difference }) => difference !== undefined,
);
it.each(differing)(
  'our transport and the SDK differ, as the revision allows, on $what ($difference)',
  async (row) => {
    const [mine, theirs] = await Promise.all([exchange(ours(), row), exchange(sdk(row), row)]);
    expect(mine).not.toEqual(theirs);
    expect(mine).toMatchSnapshot();
  },
);

it('our transport and the SDK differ in at most five things, each with its rule', () => {
  const shown = new Set(differing.map(({ difference }) => difference));
  expect(Object.keys(DIFFERENCES).length).toBeLessThanOrEqual(5);
  expect(shown).toEqual(new Set(Object.keys(DIFFERENCES)));
});

it('the differential table has enough rows', () => {
  expect(sessionRequests.length + statelessRequests.length).toBeGreaterThanOrEqual(60);
});
