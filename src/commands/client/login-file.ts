import { chmod, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

import { z } from 'zod';

import { CommandError } from './command-error.js';
import { parsedText } from './json-text.js';

const login = z.object({ url: z.string(), key: z.string() });
export type Login = z.infer<typeof login>;

const OF_OTHERS = 0o077;

/** XDG Base Directory Specification 0.8, absolute paths only; on Windows `APPDATA`. */
function configDirectory({ XDG_CONFIG_HOME = '', APPDATA = '' }: NodeJS.ProcessEnv): string {
  if (isAbsolute(XDG_CONFIG_HOME)) return XDG_CONFIG_HOME;
  if (process.platform === 'win32' && isAbsolute(APPDATA)) return APPDATA;
  return join(homedir(), '.config');
}

export const loginPath = (environment: NodeJS.ProcessEnv = process.env): string =>
  join(configDirectory(environment), 'cyberun-mcp', 'login.json');

/**
 * What `login` has stored; `undefined` when it has not.
 *
 * @throws {CommandError} when the file is damaged, or open to other users.
 */
export async function readLogin(path = loginPath()): Promise<Login | undefined> {
  const text = await textOf(path);
  if (text === undefined) return undefined;
  const { data } = login.safeParse(parsedText(text));
  if (data) return data;
  throw new CommandError(`${path} is damaged. Remove it, and sign in again: cyberun-mcp login`);
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, 'r');
    const { mode } = await file.stat();
    // Windows has no such permissions: the folders of a user protect the file.
    if (process.platform !== 'win32' && (mode & OF_OTHERS) !== 0)
      throw new CommandError(
        `Other users may open ${path}, which holds a key. Close it to them (chmod 600 ${path}); if others had access to this machine, revoke the key, too.`,
      );
    return await file.readFile('utf8');
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new CommandError(`${path} cannot be read: ${message}.`);
  }
}

/** Only this user can read it, at no time another one. */
export async function writeLogin(stored: Login, path = loginPath()): Promise<void> {
  const draft = `${path}.${process.pid}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await using file = await open(draft, 'wx', 0o600);
    await file.writeFile(`${JSON.stringify(stored, null, 2)}\n`);
    await chmod(draft, 0o600);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw new CommandError(`${path} cannot be written: ${(error as Error).message}.`);
  }
}

/** Returns whether there was one. */
export async function removeLogin(path = loginPath()): Promise<boolean> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  await rm(path, { force: true });
  return isThere;
}
