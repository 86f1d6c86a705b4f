import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { packageVersion } from '../../src/config/index.js';

import { chartFolder, only, render } from './chart.js';

const parent = mkdtempSync(join(tmpdir(), 'cyberun-parent-'));
beforeAll(() => {
  const dependency = { name: 'cyberun-mcp', version: packageVersion, condition: 'cyberun-mcp.enabled' };
  writeFileSync(
    join(parent, 'Chart.yaml'),
    JSON.stringify({ apiVersion: 'v2', name: 'platform', version: '1.0.0', dependencies: [dependency] }),
  );
  mkdirSync(join(parent, 'templates'));
  cpSync(chartFolder, join(parent, 'charts', 'cyberun-mcp'), { recursive: true });
});
afterAll(() => rmSync(parent, { recursive: true }));

it('a parent chart installs this one by its condition, with values below its name and values for all charts', () => {
  const values = {
    global: { imageRegistry: 'registry.example.com', storageClass: 'of another chart' },
    'cyberun-mcp': { enabled: true, replicaCount: 3 },
  };
  const deployment = only('Deployment', render(values, parent));
  expect(deployment?.['spec'].replicas).toBe(3);
  expect(deployment?.['spec'].template.spec.containers[0].image).toBe(
    `registry.example.com/cyberun-mcp:${packageVersion}`,
  );
});

it('a parent chart leaves this one out by its condition', () => {
  expect(render({ 'cyberun-mcp': { enabled: false } }, parent)).toEqual([]);
});
