import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Folder of the package; this file is two levels below it in `src` and in `dist` alike. */
const ROOT = join(import.meta.dirname, '..', '..');

/** Where the package keeps what it ships. */
export const packagePaths = {
  root: ROOT,
  /** The built command line, which the local agent is started from. */
  entry: join(ROOT, 'dist', 'main.js'),
  workflows: join(ROOT, 'workflows'),
  services: join(ROOT, 'services'),
} as const;

/** Version of the package, as clients, agents and the chart see it. */
export const packageVersion = (
  JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
).version;
