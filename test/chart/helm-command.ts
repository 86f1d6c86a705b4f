import { join } from 'node:path';

import { packagePaths } from '../../src/config/index.js';

export const chartFolder = join(packagePaths.root, 'helm');

/** Path of the Helm that `npm run chart` has found. */
export function helmPath(): string {
  const helm = process.env['HELM'];
  if (helm === undefined) throw new Error('These tests need a real Helm: start them with `npm run chart`.');
  return helm;
}

/** @param values a file; without one they are read from the standard input. */
export function templateArguments(chart = chartFolder, values = '-'): string[] {
  return ['template', 'release', chart, '--namespace', 'team', '--values', values];
}
