import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { readOutcomes } from './outcomes.js';

/** A revision without a frozen list, so that the suite may run as little as it likes. */
const REVISION = '2025-06-18';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-outcomes-'));
  await scenario('ping', { ping: 'SUCCESS' });
  await scenario('tools-list', { 'tools-list': 'SUCCESS', 'tools-name-format': 'WARNING' });
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function scenario(name: string, checks: Record<string, string>): Promise<void> {
  const home = join(folder, `server-${name}-2026-11-22T15-09-01-766Z`);
  await mkdir(home);
  const list = Object.entries(checks).map(([id, status]) => ({
    id,
    status,
    errorMessage: `${id} is ${status}`,
  }));
  await writeFile(join(home, 'checks.json'), JSON.stringify(list));
}

async function outcomes(listed: string[], revision = REVISION) {
  const file = join(folder, 'baseline.yml');
  await writeFile(file, JSON.stringify({ server: listed }));
  return readOutcomes({ folder, revision, baseline: pathToFileURL(file) });
}

it('the outcome of a conformance run is not as expected when a check fails that is not on the baseline', async () => {
  expect(await outcomes([])).toMatchObject({
    unexpected: [{ entry: 'tools-list:tools-name-format' }],
    stale: [],
    required: { passed: 1, total: 2 },
  });
});

it.each([['tools-list'], ['tools-list:tools-name-format']])(
  'the outcome of a conformance run is as expected with %s on the baseline',
  async (entry) => {
    expect(await outcomes([entry])).toMatchObject({ unexpected: [], stale: [] });
  },
);

it.each([['ping'], ['tools-list:tools-list'], ['no-such-scenario']])(
  'the baseline of a conformance run is stale with %s on it',
  async (entry) => {
    const { stale } = await outcomes([entry, 'tools-list:tools-name-format']);

    expect(stale).toEqual([entry]);
  },
);

it('the outcome of a conformance run is not as expected when the suite left out a required scenario', async () => {
  const { unexpected } = await outcomes(['tools-list:tools-name-format'], '2026-07-28');

  expect(unexpected).toContainEqual(expect.objectContaining({ entry: 'server-stateless' }));
});
