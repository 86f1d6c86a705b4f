import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { Readable, Transform } from 'node:stream';

import {
  multipartUpload,
  type PresignedUpload,
  presignedUpload,
  typeOfName,
  uploadParts,
  validFileName,
} from '../../contract/index.js';
import type { ApiClient } from './api-client.js';
import { CommandError, EXIT_CODES } from './command-error.js';
import { httpFetch, noAnswer } from './http-fetch.js';
import type { ProgressDisplay } from './progress-display.js';
import type { FileArgument } from './run-parameters.js';

const PART_ATTEMPTS = 3;

interface Upload {
  readonly file: FileArgument;
  readonly report: ProgressDisplay;
  readonly signal: AbortSignal;
}

/** Sends a file to the store by presigned links, in parts where these are offered. Returns its `file_key`. */
export async function uploadFile(api: ApiClient, upload: Upload): Promise<string> {
  const { path, size } = upload.file;
  const name = validFileName(basename(path));
  const body = { file_name: name, file_size: size, content_type: typeOfName(name) };
  const { data: presigned } = await api.send(
    { method: 'POST', path: ['r', 'files', 'presign'], body, signal: upload.signal },
    presignedUpload,
  );
  const transfer = new Transfer(upload);
  if (presigned.multipart) await transfer.sendParts(presigned.multipart);
  else await transfer.sendWhole(presigned);
  return presigned.file_key;
}

interface Range {
  readonly start: number;
  readonly size: number;
}

class Transfer {
  private sent = 0;

  constructor(private readonly upload: Upload) {}

  async sendWhole({ upload_url, upload_headers = {} }: PresignedUpload): Promise<void> {
    await this.put(upload_url, upload_headers, { start: 0, size: this.upload.file.size });
  }

  async sendParts({ start_url }: NonNullable<PresignedUpload['multipart']>): Promise<void> {
    const { part_size, parts_url, complete_url, abort_url } = multipartUpload.parse(
      await this.call('POST', start_url),
    );
    try {
      for (let from: number | undefined = 1; from !== undefined;) {
        const page = uploadParts.parse(await this.call('GET', `${parts_url}?from=${from}`));
        for (const part of page.parts) {
          const range = { start: (part.part_number - 1) * part_size, size: part.part_size };
          await this.putPart(part.upload_url, part.upload_headers, range);
        }
        from = page.next_part_number;
      }
      await this.call('POST', complete_url);
    } catch (error) {
      await fetch(abort_url, { method: 'DELETE' }).catch(() => undefined);
      throw error;
    }
  }

  /** A part may be sent again: the last one counts. */
  private async putPart(url: string, headers: Record<string, string>, range: Range): Promise<void> {
    const before = this.sent;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.put(url, headers, range);
      } catch (error) {
        const isTemporary = error instanceof CommandError && error.exitCode === EXIT_CODES.unreachable;
        if (attempt === PART_ATTEMPTS || !isTemporary || this.upload.signal.aborted) throw error;
        this.sent = before;
      }
    }
  }

  private async put(url: string, headers: Readonly<Record<string, string>>, range: Range): Promise<void> {
    const { signal } = this.upload;
    const target = new URL(url);
    const lengths = { 'Content-Length': String(range.size) };
    const init = { method: 'PUT', headers: { ...lengths, ...headers }, duplex: 'half', signal } as const;
    const response = await httpFetch(target, { ...init, body: this.bodyOf(range) });
    await response.body?.cancel().catch((thrown: unknown) => {
      throw noAnswer(target, signal, thrown);
    });
    if (!response.ok) throw this.refusal(target, response.status);
  }

  /** The length is a header of its own, since a stream has none. */
  private bodyOf({ start, size }: Range): string | ReadableStream {
    if (size === 0) return '';
    const counter = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        this.sent += chunk.length;
        this.show();
        done(null, chunk);
      },
    });
    const source = createReadStream(this.upload.file.path, { start, end: start + size - 1 });
    source.on('error', (error) => counter.destroy(error));
    return Readable.toWeb(source.pipe(counter)) as ReadableStream;
  }

  private show(): void {
    const { report, file } = this.upload;
    report.update({ status: 'uploading', share: this.sent / file.size, details: [basename(file.path)] });
  }

  private async call(method: string, url: string): Promise<unknown> {
    const target = new URL(url);
    const response = await httpFetch(target, { method, signal: this.upload.signal });
    if (!response.ok) throw this.refusal(target, response.status);
    return response.json();
  }

  private refusal({ host }: URL, status: number): CommandError {
    return new CommandError(
      `The file store ${host} refused ${this.upload.file.path} (status ${status}). Nothing was started; run the command again, which takes fresh links.`,
      status >= 500 ? EXIT_CODES.unreachable : EXIT_CODES.refused,
    );
  }
}
