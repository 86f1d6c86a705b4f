import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';

import { request } from 'undici';

import type { RunOrder } from '../../contract/index.js';
import { dispatcher } from './dispatcher.js';
import type { FoundOutput } from './outputs.js';
import { RunFailure } from './run-failure.js';

const TRIES = 4;
const PAUSE_MS = 250;
/** Between two pieces of a file; large files may take as long as they need. */
const IDLE_MS = 60_000;

/** Where to PUT an output; every header goes along as it is. */
export interface Upload {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Fetches the files of a run into its input folder. Returns where each parameter's file lies. */
export async function download(
  files: RunOrder['files'],
  folder: string,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const taken = new Set<string>();
  const places: Record<string, string> = {};
  for (const { parameter, file_name, url } of files) {
    const safe = basename(file_name.replaceAll('\\', '/')).replaceAll('\0', '') || parameter;
    const name = taken.has(safe) || /^\.+$/.test(safe) ? `${parameter}-${taken.size}-${safe}` : safe;
    taken.add(name);
    const path = join(folder, name);
    await persistently(`The file of parameter ${parameter} cannot be fetched`, signal, () =>
      fetchTo(path, url, signal),
    );
    places[parameter] = path;
  }
  return places;
}

/** This one file cannot be kept, whatever becomes of the others. */
export class FileNotKept extends Error {
  override readonly name = 'FileNotKept';
}

/**
 * Stores one output. Repeating it is safe: a store that already has the file says so.
 *
 * @throws {FileNotKept} when the reason lies in this file; {RunFailure} when files cannot be stored at all.
 */
export async function upload(output: FoundOutput, link: Upload, signal: AbortSignal): Promise<void> {
  await checkReadable(output);
  let tries = 0;
  await persistently(`Output ${output.file.name} cannot be stored`, signal, async () => {
    tries += 1;
    const status = await put(output, link, signal);
    // The answer to the first try got lost, but the file arrived.
    if (status === 412 && tries > 1) return;
    if (OF_THIS_FILE.has(status)) throw new FileNotKept(`the file store answered ${status}`);
    if (status >= 300) throw new RefusedTransfer(status);
  });
}

/** The store has a file of this name, or takes none so large. */
const OF_THIS_FILE: ReadonlySet<number> = new Set([412, 413]);

async function checkReadable({ file, path }: FoundOutput): Promise<void> {
  await using handle = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw new FileNotKept(`it cannot be read (${error.code ?? 'unknown reason'})`);
  });
  if ((await handle.stat()).size !== file.size) throw new FileNotKept('it changed after the run had ended');
}

async function put(
  { file, path }: FoundOutput,
  { url, headers }: Upload,
  signal: AbortSignal,
): Promise<number> {
  const sent = new Headers(headers);
  sent.set('content-length', String(file.size));
  const { statusCode, body } = await request(url, {
    method: 'PUT',
    headers: Object.fromEntries(sent),
    body: createReadStream(path, { end: Math.max(0, file.size - 1) }),
    bodyTimeout: IDLE_MS,
    headersTimeout: IDLE_MS,
    signal,
    dispatcher,
  });
  await body.dump();
  return statusCode;
}

/** The other side answered, and it was not yes. */
class RefusedTransfer extends Error {
  constructor(readonly status: number) {
    super(`the file store answered ${status}`);
  }
  get isFinal(): boolean {
    return this.status < 500 && this.status !== 429;
  }
}

async function fetchTo(path: string, url: string, signal: AbortSignal): Promise<void> {
  const limits = { bodyTimeout: IDLE_MS, headersTimeout: IDLE_MS };
  const { statusCode, body } = await request(url, { signal, dispatcher, ...limits });
  if (statusCode !== 200) {
    await body.dump();
    throw new RefusedTransfer(statusCode);
  }
  await pipeline(body, createWriteStream(path), { signal });
}

async function persistently(what: string, signal: AbortSignal, act: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await act();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof FileNotKept) throw error;
      const isFinal = error instanceof RefusedTransfer && error.isFinal;
      if (isFinal || tries >= TRIES) throw new RunFailure(`${what}: ${(error as Error).message}.`);
      await delay(PAUSE_MS * 2 ** tries, undefined, { signal });
    }
  }
}
