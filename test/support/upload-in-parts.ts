import { createHash } from 'node:crypto';

/** The answer to a presign of a large file. */
export interface Presigned {
  readonly file_key: string;
  readonly upload_url: string;
  readonly upload_headers: Record<string, string>;
  readonly multipart?: {
    readonly start_url: string;
    readonly part_size: number;
    readonly part_count: number;
  };
}

export interface Part {
  readonly part_number: number;
  readonly part_size: number;
  readonly upload_url: string;
  readonly upload_headers: Record<string, string>;
  readonly etag?: string;
}

/** An upload in parts as a client makes it. */
export class PartsUpload {
  private constructor(
    readonly partsUrl: string,
    readonly completeUrl: string,
    readonly abortUrl: string,
    readonly partSize: number,
  ) {}

  static async begin({ multipart }: Presigned): Promise<PartsUpload> {
    if (!multipart) throw new Error('the file is not large enough');
    const response = await fetch(multipart.start_url, { method: 'POST' });
    const body = (await response.json()) as Record<string, string> & { part_size: number };
    if (!response.ok) throw new Error(JSON.stringify(body));
    const { parts_url = '', complete_url = '', abort_url = '', part_size } = body;
    return new PartsUpload(parts_url, complete_url, abort_url, part_size);
  }

  async parts(from = 1): Promise<{ readonly parts: readonly Part[]; readonly next_part_number?: number }> {
    const response = await fetch(`${this.partsUrl}?from=${from}`);
    return (await response.json()) as { parts: Part[] };
  }

  /** Sends one part of a file. */
  async put({ part_number, part_size, upload_url, upload_headers }: Part, file: Buffer): Promise<Response> {
    const start = (part_number - 1) * this.partSize;
    return putBytes(upload_url, upload_headers, file.subarray(start, start + part_size));
  }

  /** Sends all parts. */
  async putAll(file: Buffer): Promise<void> {
    for (const part of (await this.parts()).parts) {
      const { status } = await this.put(part, file);
      if (status !== 200) throw new Error(`part ${part.part_number} got ${status}`);
    }
  }

  complete(body?: object): Promise<Response> {
    return fetch(this.completeUrl, {
      method: 'POST',
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
  }

  abort(): Promise<Response> {
    return fetch(this.abortUrl, { method: 'DELETE' });
  }
}

/** PUT by a link; fetch sets Content-Length itself. */
export const putBytes = (url: string, headers: Record<string, string>, body: Buffer): Promise<Response> =>
  fetch(url, {
    method: 'PUT',
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'Content-Length')),
    body: new Uint8Array(body),
  });

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
