import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { echoWorkflow } from '../e2e/runtime-support/runtime-fixture.js';
import { outcome, temporaryFolder } from '../support/command-line.js';

it('definitions are applied to a data folder before a server has used it, and again while none does', async () => {
  await using home = await temporaryFolder();
  const settings = { CYBERUN_DATA_DIR: join(home.path, 'data') };
  const folder = join(home.path, 'definitions');
  await mkdir(folder);
  await writeFile(join(folder, 'early.yaml'), echoWorkflow('early'));
  expect(await outcome(['apply', folder], settings)).toEqual({
    code: 0,
    stdout: 'RESULT  KIND      NAME   VERSION  FILE\nadded   workflow  early  1        early.yaml\n',
    stderr: `1 changed for team default in the data folder ${settings.CYBERUN_DATA_DIR}.\n`,
  });
  await writeFile(join(folder, 'early.yaml'), echoWorkflow('early', { labels: 'gpu' }));
  expect((await outcome(['apply', folder, '--dry-run'], settings)).stdout).toContain('changed');
  expect((await outcome(['apply', folder], settings)).stdout).toContain('early  2 ');
  await writeFile(join(folder, 'late.yaml'), 'document: 5\n');
  const { code, stderr } = await outcome(['apply', folder, join(home.path, 'none')], settings);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: `cyberun-mcp: There is no folder ${join(home.path, 'none')}. Name a folder with definitions.\n`,
  });
});
