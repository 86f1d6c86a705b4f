import { Inject, Injectable } from '@nestjs/common';
import { fetch, type RequestInit, type Response } from 'undici';

import { Addresses, CONFIG, type Config } from '../config/index.js';
import { isIdempotent, isRepeatable } from './connection-pools.js';
import { Deadline } from './deadline.js';
import { reachable } from './link-paths.js';
import type { ApiRequest, Caller } from './request.js';
import { Dispatchers } from './undici.adapter.js';
import { noResponse, UpstreamError } from './upstream-error.js';
import { beginSpan } from './upstream-spans.js';

/** A link of the Runtime API to one file, and the headers that belong to it. It needs no key, and gets none. */
export interface FileLink {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** A part of a file. */
export interface FilePart {
  readonly bytes: Buffer;
  /** Of the whole file; unknown where the store does not tell it. */
  readonly size: number | undefined;
  readonly contentType: string;
}

const UPLOAD = {
  operation: 'store the file',
  method: 'POST',
  path: [],
  whenUnsure: 'The file may not be stored; upload it again, which makes a new file_key.',
} as const satisfies ApiRequest;
const READ = { operation: 'read the file', method: 'GET', path: [] } as const satisfies ApiRequest;

const OUTSIDE = 416;
const HTTP = /^https?:$/;

/** Uploads and reads files by the links that the Runtime API gives; the store may be another server. */
@Injectable()
export class FileTransfer {
  constructor(
    private readonly dispatchers: Dispatchers,
    private readonly addresses: Addresses,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async put(caller: Caller, { url, headers = {} }: FileLink, bytes: Buffer): Promise<void> {
    // The body has its length; a second header would be refused.
    const own = Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'content-length');
    const init = { method: 'PUT', headers: Object.fromEntries(own), body: new Uint8Array(bytes) };
    await this.request(caller, UPLOAD, { url, init }, async (response) => {
      await response.body?.cancel();
      if (!response.ok) throw refused(UPLOAD, response);
    });
  }

  /** So many bytes from an offset; fewer at the end of the file, none behind it. */
  read(caller: Caller, { url }: FileLink, offset: number, length: number): Promise<FilePart> {
    const headers = { Range: `bytes=${offset}-${offset + length - 1}`, 'Accept-Encoding': 'identity' };
    return this.request(caller, READ, { url, init: { headers } }, async (response) => {
      const contentType = response.headers.get('content-type') ?? '';
      if (response.status === OUTSIDE) {
        await response.body?.cancel();
        return { bytes: Buffer.alloc(0), size: sizeOf(response), contentType };
      }
      if (!response.ok) throw refused(READ, response);
      // A store that knows no ranges sends all of it.
      const skipped = response.status === 206 ? 0 : offset;
      return { bytes: await readPart(response, skipped, length), size: sizeOf(response), contentType };
    });
  }

  private async request<Answer>(
    caller: Caller,
    request: ApiRequest,
    { url, init }: { readonly url: string; readonly init: RequestInit },
    use: (response: Response) => Promise<Answer>,
  ): Promise<Answer> {
    const target = URL.parse(reachable(url, this.addresses.public, this.addresses.runtime));
    if (!target || !HTTP.test(target.protocol)) throw unusable(request);
    using deadline = new Deadline(caller.signal, this.config.runtimeTimeoutMs);
    const { operation } = request;
    const { settings } = this.config.traces;
    // The rest of the link opens the file.
    const traced = { operation, method: init.method ?? 'GET', url: target.origin };
    const span = settings && beginSpan(settings, caller, traced);
    try {
      const response = await this.fetch(target, { ...init, signal: deadline.signal });
      span?.end(response.status);
      return await use(response);
    } catch (thrown) {
      const { signal } = deadline;
      const error = noResponse(request, caller.signal, signal.aborted ? signal.reason : causeOf(thrown));
      span?.end(error.kind);
      throw error;
    }
  }

  /** It throws only as long as there is no answer. */
  private async fetch(target: URL, init: RequestInit): Promise<Response> {
    const { kept, recent, unused } = this.dispatchers.to(target);
    const isRead = isIdempotent(init.method ?? 'GET');
    try {
      return await fetch(target, { ...init, dispatcher: isRead ? kept : recent });
    } catch (thrown) {
      const cause = causeOf(thrown);
      const isOver = init.signal?.aborted || !(cause instanceof Error);
      if (isOver || !isRepeatable(cause, init.method ?? 'GET', true)) throw thrown;
      return await fetch(target, { ...init, dispatcher: unused });
    }
  }
}

/** The error of fetch has the connection's own as its cause. */
const causeOf = (thrown: unknown): unknown =>
  thrown instanceof TypeError && thrown.cause instanceof Error ? thrown.cause : thrown;

async function readPart({ body }: Response, skipped: number, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let [left, wanted] = [skipped, length];
  // Leaving the loop ends the download.
  for await (const chunk of body ?? []) {
    const part = Buffer.from(chunk as Uint8Array).subarray(left);
    left = Math.max(0, left - (chunk as Uint8Array).byteLength);
    chunks.push(part.subarray(0, wanted));
    wanted -= part.length;
    if (wanted <= 0) break;
  }
  return Buffer.concat(chunks);
}

/** The size of the whole file. */
function sizeOf({ status, headers }: Response): number | undefined {
  const text =
    status === 200 ? headers.get('content-length') : headers.get('content-range')?.replace(/^.*\//, '');
  return text && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** What the store says is not shown: it is written for programs, and repeats the signature of the link. */
function refused({ operation }: ApiRequest, { status }: Response): UpstreamError {
  const error_message =
    status === 404
      ? 'The file is not there any more: files are kept for some days.'
      : `The file store refused to ${operation} (status ${status}). Try again, which takes a fresh link.`;
  return new UpstreamError('rejected', { error_message }, { operation, status });
}

function unusable({ operation }: ApiRequest): UpstreamError {
  const error_message = `The runtime gave a link that this server cannot use to ${operation}.`;
  return new UpstreamError('invalid', { error_message }, { operation });
}
