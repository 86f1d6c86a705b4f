import { createWriteStream } from 'node:fs';
import { lstat, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { type TaskResult, validFileName } from '../../contract/index.js';
import { CommandError, EXIT_CODES } from './command-error.js';
import { httpFetch, noAnswer } from './http-fetch.js';
import { plainText } from './printing.js';
import type { ProgressDisplay } from './progress-display.js';

export interface SaveOptions {
  readonly folder: string;
  /** Replaces files that exist. */
  readonly isForced: boolean;
  readonly report: ProgressDisplay;
  readonly signal: AbortSignal;
}

/** What a task has left, as names and links. */
export function outputLinks({ download_urls, download_url }: TaskResult): ReadonlyMap<string, string> {
  const named = Object.entries(download_urls ?? {});
  if (named.length > 0 || !download_url) return new Map(named);
  return new Map([
    [decodeURIComponent(new URL(download_url).pathname.split('/').at(-1) ?? ''), download_url],
  ]);
}

/**
 * Saves the outputs of a task in a folder, and returns their paths.
 *
 * @throws {CommandError} before anything is saved, when a file exists already.
 */
export async function saveOutputs(result: TaskResult, options: SaveOptions): Promise<string[]> {
  const { folder, isForced } = options;
  const links = outputLinks(result);
  const paths = pathsIn(folder, [...links.keys()]);
  await makeFolder(folder);
  if (!isForced) await refuseExisting(paths, result.id);
  const urls = [...links.values()];
  for (const [index, path] of paths.entries()) await save(urls[index] ?? '', path, options);
  return paths;
}

/** A path inside the folder for each name. */
function pathsIn(folder: string, names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const safe = validFileName(plainText(name));
    let free = safe;
    // File systems may not tell capitals from small letters.
    for (let number = 2; taken.has(free.toLowerCase()); number += 1) free = `${number}-${safe}`;
    taken.add(free.toLowerCase());
    return join(folder, free);
  });
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw new CommandError(
      `The folder ${folder} cannot be made: ${(error as Error).message}. Name another with --output-dir.`,
    );
  }
}

async function refuseExisting(paths: readonly string[], taskId: string): Promise<void> {
  for (const path of paths) {
    if (await isThere(path))
      throw new CommandError(
        `${path} exists already, so no output is saved. Save them elsewhere, or replace it: cyberun-mcp tasks result ${taskId} --output-dir FOLDER [--force]`,
      );
  }
}

/** Under another name until it is complete. */
async function save(link: string, path: string, { isForced, report, signal }: SaveOptions): Promise<void> {
  const url = new URL(link);
  const draft = `${path}.part-${process.pid}`;
  const response = await httpFetch(url, { signal });
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    throw new CommandError(
      `${path} cannot be fetched from the file store ${url.host} (status ${response.status}). Outputs are kept for some days; ask for fresh links: cyberun-mcp tasks result`,
      response.status >= 500 ? EXIT_CODES.unreachable : EXIT_CODES.refused,
    );
  }
  const size = Number(response.headers.get('content-length')) || undefined;
  let received = 0;
  const counter = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      received += chunk.length;
      report.update({ status: 'saving', share: size && received / size, details: [path] });
      done(null, chunk);
    },
  });
  try {
    const body = Readable.fromWeb(response.body);
    await pipeline(body, counter, createWriteStream(draft, { flags: 'wx' }), { signal });
    await moveTo(path, draft, isForced);
  } catch (error) {
    await rm(draft, { force: true });
    throw saveFailure(error, path, { url, signal });
  }
}

const isThere = async (path: string): Promise<boolean> =>
  (await lstat(path).catch(() => undefined)) !== undefined;

/** A file that has appeared meanwhile is not replaced. */
async function moveTo(path: string, draft: string, isForced: boolean): Promise<void> {
  if (!isForced && (await isThere(path)))
    throw new CommandError(`${path} exists already and is not replaced. --force would.`);
  await rename(draft, path);
}

function saveFailure(
  error: unknown,
  path: string,
  { url, signal }: { url: URL; signal: AbortSignal },
): Error {
  if (error instanceof CommandError) return error;
  const { syscall, message } = error as NodeJS.ErrnoException;
  if (syscall !== undefined && !signal.aborted && /^(open|write|rename|fsync)$/.test(syscall))
    return new CommandError(`${path} cannot be written: ${message}.`);
  return noAnswer(url, signal, error);
}
