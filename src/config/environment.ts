import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Folder of the package; this file is two levels below it in `src` and in `dist` alike. */
const ROOT = join(import.meta.dirname, '..', '..');

/** Where the package keeps what it ships. */
export const packagePaths = {
  root: ROOT,
  /** The built command line, which the local agent is started from. */
  entry: join(ROOT, 'dist', 'main.js'),
  workflows: join(ROOT, 'workflows'),
  services: join(ROOT, 'services'),
  /** The pages for browsers, as `npm run build` makes them from `web`. */
  web: join(ROOT, 'dist', 'web'),
} as const;

/** Version of the package, as clients, agents and the chart see it. */
export const packageVersion = (
  JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
).version;

/** What npm runs when it starts this program: `scripts/start.mjs` by `npm start`, the command by `npx` or a script. */
const OUR_SCRIPT = /(^|['"\s/\\])(start\.mjs|cyberun-mcp)(['"\s]|$)/;

/** Whether npm started this program itself, and not another one that then started it and may outlive npm. */
export function isStartedByNpm(environment: NodeJS.ProcessEnv = process.env): boolean {
  return OUR_SCRIPT.test(environment['npm_lifecycle_script'] ?? '');
}

/**
 * Where a program keeps data of a user that is neither a setting nor temporary: `XDG_STATE_HOME` (XDG Base Directory
 * Specification 0.8, absolute paths only), on Windows `LOCALAPPDATA`.
 */
export function stateDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const { XDG_STATE_HOME = '', LOCALAPPDATA = '' } = environment;
  if (isAbsolute(XDG_STATE_HOME)) return XDG_STATE_HOME;
  if (process.platform === 'win32' && isAbsolute(LOCALAPPDATA)) return LOCALAPPDATA;
  return join(homedir(), '.local', 'state');
}
