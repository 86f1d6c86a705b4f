// What runs before the rest of the package is loaded, so this file imports no other: on a Node that is too old they may not
// load, and the parent process is recorded before anything that takes time.
import { mkdirSync, readFileSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const PART = /^(\^|>=|)v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:\.x|\.\*)*$/;

interface Floor {
  readonly isOpen: boolean;
  readonly numbers: readonly number[];
}

/**
 * Whether a version of Node is in a range as `engines` states it: floors like `>=20`, `^22.12.0` or `22`, joined by spaces
 * (all of them) and by `||` (one of them).
 *
 * @throws {Error} when the range says more than that.
 */
export function isInRange(version: string, range: string): boolean {
  const actual = version.split('.').map(Number);
  return range
    .split('||')
    .map((alternative) => alternative.trim().replaceAll(/>=\s+/g, '>=').split(/\s+/).map(floorOf))
    .some((floors) =>
      floors.every(
        ({ isOpen, numbers }) => (isOpen || actual[0] === numbers[0]) && isAtLeast(actual, numbers),
      ),
    );
}

/** Why this Node cannot run the package; `undefined` when it can. */
export function unsupportedNode(version: string = process.versions.node): string | undefined {
  const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    engines: { node: string };
  };
  if (isInRange(version, engines.node)) return undefined;
  return `Node ${version} does not fit: cyberun-mcp needs Node ${engines.node}. Install Node 24, or start it by npm start, which uses the Node that npm ci brought.`;
}

function floorOf(part: string): Floor {
  if (part === '*') return { isOpen: true, numbers: [0] };
  const match = PART.exec(part);
  if (!match) throw new Error(`the range of Node versions ${part} is not understood`);
  const [, operator, ...numbers] = match;
  return { isOpen: operator === '>=', numbers: numbers.map((number) => Number(number ?? 0)) };
}

function isAtLeast(actual: readonly number[], floor: readonly number[]): boolean {
  for (const [index, least] of floor.entries()) {
    const number = actual[index] ?? 0;
    if (number !== least) return number > least;
  }
  return true;
}

/** Keeps compiled code for later starts, which then take a fifth less CPU, unless the folder cannot be written. */
export function keepCompiledCode(): void {
  // In the package: a user who can write here can also change the code itself.
  const folder = fileURLToPath(new URL('../node_modules/.cache/cyberun-mcp/compiled', import.meta.url));
  try {
    // Node itself does not stop trying where a file system refuses a folder with ENOENT, as /proc does.
    mkdirSync(folder, { recursive: true });
  } catch {
    return;
  }
  module.enableCompileCache(folder);
}

const CHECK_MS = 250;
const parent = process.ppid;

/**
 * Calls back once when the process that started this one has ended, for processes started by npm. `npm start` and `npx`
 * run a shell in between and pass signals only to that shell, which ends and leaves this process running.
 */
export function onParentEnd(callback: () => void): void {
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    callback();
  }, CHECK_MS);
  timer.unref();
}
