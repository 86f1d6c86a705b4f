import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { TestProject } from 'vitest/node';

import { chartFolder, helmPath, templateArguments } from './helm-command.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** What Helm renders with each set of values in `ci`, by the name of its file. */
    renderedSets: Readonly<Record<string, string>>;
  }
}

const run = promisify(execFile);
const MOST_BYTES = 64 * 1024 * 1024;

/** Vitest's global setup: renders each set of values once, for all files. One that fails is rendered again where it is used. */
export async function setup(project: TestProject): Promise<void> {
  const helm = helmPath();
  const folder = join(chartFolder, 'ci');
  const rendered = readdirSync(folder).map(async (valueSet): Promise<[string, string][]> => {
    const args = templateArguments(chartFolder, join(folder, valueSet));
    return run(helm, args, { maxBuffer: MOST_BYTES }).then(
      ({ stdout }) => [[valueSet, stdout]],
      () => [],
    );
  });
  project.provide('renderedSets', Object.fromEntries((await Promise.all(rendered)).flat()));
}
