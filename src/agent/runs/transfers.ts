import { createReadStream, createWriteStream } from 'node:fs';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';

import { request } from 'undici';

import type { OutputFile, RunOrder } from '../../contract/index.js';
import { dispatcher } from './dispatcher.js';
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

/** Stores one output. Repeating it is safe: a store that already has the file says so. */
export async function upload(
  { name, size }: OutputFile,
  folder: string,
  { url, headers }: Upload,
  signal: AbortSignal,
): Promise<void> {
  let tries = 0;
  await persistently(`Output ${name} cannot be stored`, signal, async () => {
    tries += 1;
    const sent = new Headers(headers);
    sent.set('content-length', String(size));
    const { statusCode, body } = await request(url, {
      method: 'PUT',
      headers: Object.fromEntries(sent),
      body: createReadStream(join(folder, name), { end: Math.max(0, size - 1) }),
      bodyTimeout: IDLE_MS,
      headersTimeout: IDLE_MS,
      signal,
      dispatcher,
    });
    await body.dump();
    // The answer to the first try got lost, but the file arrived.
    if (statusCode === 412 && tries > 1) return;
    if (statusCode >= 300) throw new RefusedTransfer(statusCode);
  });
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
      const isFinal = error instanceof RefusedTransfer && error.isFinal;
      if (isFinal || tries >= TRIES) throw new RunFailure(`${what}: ${(error as Error).message}.`);
      await delay(PAUSE_MS * 2 ** tries, undefined, { signal });
    }
  }
}
