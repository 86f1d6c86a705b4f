import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { isInRange, unsupportedNode } from '../../src/preflight.js';

const read = (name: string): string => readFileSync(join(packagePaths.root, name), 'utf8');
const { packages } = JSON.parse(read('package-lock.json')) as {
  packages: Record<string, { dev?: true; engines?: { node?: string } }>;
};
const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };

/** The ranges of all packages that are installed in production. */
const ranges = Object.entries(packages).flatMap(([name, { dev, engines: of }]) =>
  name === '' || dev || of?.node === undefined ? [] : [of.node],
);
const isFitForAll = (version: string): boolean => ranges.every((range) => isInRange(version, range));

it('the stated Node is the oldest that every dependency takes, and no version of it is one they refuse', () => {
  expect(ranges.length).toBeGreaterThan(50);
  expect(packages['']?.engines).toEqual(engines);
  for (const major of [20, 21, 22, 23, 24, 25, 26]) {
    for (let minor = 0; minor < 30; minor += 1) {
      const version = `${major}.${minor}.0`;
      expect([version, isInRange(version, engines.node)]).toEqual([version, isFitForAll(version)]);
    }
  }
});

it.each(['20.20.2', '22.12.0', '22.14.0', '22.19.0', '22.21.1', '23.11.0'])(
  'Node %s is refused by one sentence',
  (version) => {
    expect(unsupportedNode(version)).toMatch(
      /^Node \S+ does not fit: cyberun-mcp needs Node [^\n]+\. Install Node 24, [^\n]+\.$/,
    );
  },
);

it('the sentence also comes on Node 18, which has no import.meta.dirname', () => {
  const code = stripTypeScriptTypes(read('src/preflight.ts'));
  const input = `${code.replaceAll(/import\.meta\.(dirname|filename)/g, 'undefined')}
    process.stdout.write(unsupportedNode('18.20.0'));`;
  const options = { cwd: join(packagePaths.root, 'src'), input, encoding: 'utf8' } as const;
  const written = execFileSync(process.execPath, ['--input-type=module'], options);
  expect(written).toMatch(/^Node 18\.20\.0 does not fit/);
});

it.each([
  ['>=16 || 14 >=14.17', ['14.17.0', '16.0.0'], ['14.16.0', '15.9.0']],
  ['^22.22.0 || >= 24.0.0', ['22.22.0', '24.0.0'], ['22.21.9', '23.5.0']],
])('the range %s is read as npm reads it', (range, inside, outside) => {
  for (const version of inside) expect([version, isInRange(version, range)]).toEqual([version, true]);
  for (const version of outside) expect([version, isInRange(version, range)]).toEqual([version, false]);
});

it('this Node, and the oldest that is stated, are not refused', () => {
  expect([unsupportedNode(), unsupportedNode('22.22.0'), unsupportedNode('24.0.0')]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

it('README and CONTRIBUTING state the same floor', () => {
  const [line22] = engines.node.match(/22\.\d+/) ?? [];
  for (const page of ['README.md', 'CONTRIBUTING.md'])
    expect(read(page)).toContain(`${line22} or a newer 22`);
});
