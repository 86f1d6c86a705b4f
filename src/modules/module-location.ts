import { findPackageJSON } from 'node:module';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { errorText, StartError } from '../config/index.js';
import { packageNameIn, resolveFor } from './shared-packages.js';

/** How files of a package are loaded when `package.json` does not say. */
const USUAL_FILES = ['index.js', 'index.mjs', 'index.cjs'];

/**
 * The file of an entry of CYBERUN_MODULES: a file or folder by its path from the working directory, or a package as it
 * is found from there.
 *
 * @throws {StartError} with the paths that were tried.
 */
export function locateModule(entry: string, workingDirectory: string = process.cwd()): string {
  if (/^\.{1,2}([/\\]|$)/.test(entry) || isAbsolute(entry)) {
    return fileAt(entry, resolve(workingDirectory, entry));
  }
  if (packageNameIn(entry) === undefined) {
    throw refused(entry, 'which is neither a path, such as ./glossary.js, nor the name of a package');
  }
  return inPackages(entry, workingDirectory);
}

const refused = (entry: string, reason: string): StartError =>
  new StartError(`CYBERUN_MODULES names ${entry}, ${reason}.`);

function fileAt(entry: string, path: string): string {
  if (!existsSync(path)) {
    const near = ['.js', '.mjs', '.cjs'].find((extension) => existsSync(path + extension));
    const advice = near === undefined ? '' : `. There is ${entry}${near}: give the whole name`;
    throw refused(entry, `which does not exist; tried ${path}${advice}`);
  }
  if (/\.[cm]?tsx?$/.test(path)) {
    throw refused(
      entry,
      'which is TypeScript; compile it, since Node does not run decorators, and name the .js file',
    );
  }
  return statSync(path).isDirectory() ? fileOfFolder(entry, path) : path;
}

/** The main file of a folder with a package. */
function fileOfFolder(entry: string, folder: string): string {
  const manifest = join(folder, 'package.json');
  if (existsSync(manifest)) {
    const { name, main, exports } = manifestAt(entry, manifest);
    // A package may import itself by its name, so Node reads its exports as for other packages.
    if (exports !== undefined && name !== undefined) return resolvedFrom(entry, name, manifest);
    if (main !== undefined) return fileAt(entry, join(folder, main));
  }
  const tried = USUAL_FILES.map((file) => join(folder, file));
  const found = tried.find((file) => existsSync(file));
  if (found !== undefined) return found;
  throw refused(entry, `a folder without a file to load; tried ${[manifest, ...tried].join(', ')}`);
}

function manifestAt(entry: string, path: string): { name?: string; main?: string; exports?: unknown } {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as { name?: string };
  } catch (error) {
    throw refused(entry, `whose ${path} cannot be read: ${errorText(error)}`);
  }
}

function inPackages(entry: string, workingDirectory: string): string {
  const name = packageNameIn(entry) ?? entry;
  const from = [join(workingDirectory, 'package.json'), fileURLToPath(import.meta.url)].find((parent) =>
    isInstalled(name, parent),
  );
  if (from !== undefined) return resolvedFrom(entry, entry, from);
  const folders = nodeModulesAbove(workingDirectory).map((folder) => join(folder, name));
  throw refused(
    entry,
    `a package that is not installed; tried ${folders.join(', ')}. Install it, or give the path of a file, such as ./${entry}`,
  );
}

function isInstalled(name: string, parent: string): boolean {
  try {
    return findPackageJSON(name, pathToFileURL(parent)) !== undefined;
  } catch {
    return false;
  }
}

function nodeModulesAbove(folder: string): string[] {
  const above = dirname(folder);
  return [join(folder, 'node_modules'), ...(above === folder ? [] : nodeModulesAbove(above))];
}

function resolvedFrom(entry: string, specifier: string, parent: string): string {
  try {
    return fileURLToPath(resolveFor(pathToFileURL(parent).href, specifier));
  } catch (error) {
    throw refused(entry, `a package without a file to load: ${errorText(error)}`);
  }
}
