import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';

import { request } from 'undici';

import { errorText } from '../../config/index.js';
import type { MultipartOffer, OutputFile, RunOrder } from '../../contract/index.js';
import { dispatcher } from '../outbound.js';
import { type Send, uploadInParts, type UploadRequest } from './multipart-upload.js';
import { bounded, type FoundOutput, RunFailure } from './run-result.js';

/** How long a transfer is repeated while the runtime is there; time without the runtime does not count. */
const PATIENCE_MS = 60_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;
/** Longest pause between two chunks; a large file may take as long as it needs. */
const IDLE_MS = 60_000;

/** Where to PUT an output; the headers are sent unchanged. */
export interface Upload {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of a large output. */
  readonly multipart?: MultipartOffer | undefined;
}

/** The path of each parameter's file in the input folder of its run. */
export function placesOf(files: RunOrder['files'], folder: string): Record<string, string> {
  const taken = new Set<string>();
  const places: Record<string, string> = {};
  for (const { parameter, file_name } of files) {
    const safe = basename(file_name.replaceAll('\\', '/')).replaceAll('\0', '') || parameter;
    const name = taken.has(safe) || /^\.+$/.test(safe) ? `${parameter}-${taken.size}-${safe}` : safe;
    taken.add(name);
    places[parameter] = join(folder, name);
  }
  return places;
}

/** Downloads the files of a run to their {@link placesOf}. */
export async function download(
  files: RunOrder['files'],
  places: Readonly<Record<string, string>>,
  context: TransferContext,
): Promise<void> {
  for (const { parameter, url } of files)
    await withRetries(`The file of parameter ${parameter} cannot be fetched`, context, () =>
      fetchTo(places[parameter] ?? '', url, context.signal),
    );
}

/** This file cannot be stored; the others may. */
class FileNotKept extends Error {
  override readonly name = 'FileNotKept';
}

/** An earlier agent has stored this file. */
class AlreadyStored extends Error {
  override readonly name = 'AlreadyStored';
}

/**
 * Stores one output. A retry is safe: the store answers 412 when it already has the file.
 *
 * @throws {FileNotKept} when this file cannot be stored; {RunFailure} when no file can be stored.
 */
async function upload(output: FoundOutput, link: Upload, context: TransferContext): Promise<void> {
  await checkReadable(output);
  const { file, path } = output;
  const send: Send = async (sent) => {
    let text = '';
    let tries = 0;
    await withRetries(`Output ${file.name} cannot be stored`, context, async () => {
      tries += 1;
      const answer = await sendOnce(sent, context.signal);
      text = answer.text;
      // The response to an earlier attempt was lost, but the file has arrived.
      if (answer.status === 412 && tries > 1) return;
      if (answer.status === 412 && context.isResumed) throw new AlreadyStored();
      if (OF_THIS_FILE.has(answer.status)) throw new FileNotKept(`the file store answered ${answer.status}`);
      if (answer.status >= 300) throw new TransferError(answer.status);
    });
    return text;
  };
  if (link.multipart) {
    await uploadInParts(path, link.multipart, send);
    return;
  }
  const headers = new Headers(link.headers);
  headers.set('content-length', String(file.size));
  const body = (): Readable => createReadStream(path, { end: Math.max(0, file.size - 1) });
  await send({ method: 'PUT', url: link.url, headers: Object.fromEntries(headers), body });
}

/** The store already has this file, or it is too large. */
const OF_THIS_FILE: ReadonlySet<number> = new Set([412, 413]);

async function checkReadable({ file, path }: FoundOutput): Promise<void> {
  await using handle = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw new FileNotKept(`it cannot be read (${error.code ?? 'unknown reason'})`);
  });
  if ((await handle.stat()).size !== file.size) throw new FileNotKept('it changed after the run had ended');
}

async function sendOnce(
  { url, method, headers, body, idleMs = IDLE_MS }: UploadRequest,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly text: string }> {
  const answer = await request(url, {
    method,
    ...(headers && { headers }),
    ...(body && { body: body() }),
    bodyTimeout: idleMs,
    headersTimeout: idleMs,
    signal,
    dispatcher,
  });
  return { status: answer.statusCode, text: await answer.body.text() };
}

class TransferError extends Error {
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
    throw new TransferError(statusCode);
  }
  await pipeline(body, createWriteStream(path), { signal });
}

/** With the built-in store the runtime is the store, too: while it is away, the lease of the run is the limit. */
async function withRetries(
  what: string,
  { signal, isRuntimeAway }: TransferContext,
  act: () => Promise<void>,
): Promise<void> {
  let end = performance.now() + PATIENCE_MS;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    try {
      return await act();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof FileNotKept || error instanceof AlreadyStored) throw error;
      if (isRuntimeAway()) end = performance.now() + PATIENCE_MS;
      const isFinal = error instanceof TransferError && error.isFinal;
      if (isFinal || performance.now() > end) throw new RunFailure(`${what}: ${errorText(error)}.`);
      await delay(pause, undefined, { signal });
    }
  }
}

/** Number of links per request: signing all links of a large run at once would block the runtime. */
const BATCH = 50;

export interface TransferContext {
  /** Whether the run has lost its runtime at the moment. */
  readonly isRuntimeAway: () => boolean;
  /** Whether an earlier agent may have stored some of the files. */
  readonly isResumed: boolean;
  readonly signal: AbortSignal;
}

export interface OutputStore extends TransferContext {
  readonly uploads: (files: readonly OutputFile[]) => Promise<readonly Upload[]>;
}

/** Stores the files of a run. Returns the stored files, and a sentence about each that could not be stored. */
export async function storeOutputs(
  outputs: readonly FoundOutput[],
  { uploads, ...context }: OutputStore,
): Promise<{ readonly files: readonly OutputFile[]; readonly warnings: readonly string[] }> {
  const files: OutputFile[] = [];
  const warnings: string[] = [];
  for (let start = 0; start < outputs.length; start += BATCH) {
    const batch = outputs.slice(start, start + BATCH);
    const links = new Map((await uploads(batch.map(({ file }) => file))).map((link) => [link.name, link]));
    for (const output of batch) {
      const { name } = output.file;
      const link = links.get(name);
      if (!link) throw new Error(`the gateway gave no upload link for ${name}`);
      const reason = await upload(output, link, context).catch(reasonOf);
      if (typeof reason === 'string') warnings.push(`Output "${name}" is not kept: ${reason}.`);
      else files.push(output.file);
    }
  }
  return { files, warnings: bounded(warnings) };
}

function reasonOf(error: unknown): string | undefined {
  if (error instanceof AlreadyStored) return undefined;
  if (error instanceof FileNotKept) return error.message;
  throw error;
}
