import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const OUTPUT_BYTES = 1024 * 1024;
const GO = ['/usr/local/go/bin/go', '/usr/lib/go/bin/go'].find(existsSync) ?? 'go';

/** What a client made of the answer; status 0 for no answer at all, with the client's reason as body. */
export interface Outcome {
  readonly status: number;
  readonly body: string;
}

export interface Upload {
  readonly url: string;
  readonly authorization: string;
  readonly contentType: string;
}

/** Posts bodies of the given sizes one after the other, each with what a client of this kind does by itself. */
export type Uploader = (upload: Upload, sizes: readonly number[]) => Promise<Outcome[]>;

const ACCEPT = 'application/json, text/event-stream';

/** Node's fetch. */
export const nodeFetch: Uploader = async ({ url, authorization, contentType }, sizes) => {
  const outcomes: Outcome[] = [];
  for (const size of sizes) {
    const headers = { Authorization: authorization, 'Content-Type': contentType, Accept: ACCEPT };
    outcomes.push(
      await fetch(url, { method: 'POST', headers, body: Buffer.alloc(size) })
        .then(async (response) => ({ status: response.status, body: await response.text() }))
        .catch((error: unknown) => ({ status: 0, body: String((error as Error).cause ?? error) })),
    );
  }
  return outcomes;
};

/** Clients that are programs of their own, in a folder that holds what they need. */
export class Uploaders implements AsyncDisposable {
  private constructor(private readonly folder: string) {}

  /** @throws when there is no Go. */
  static async build(): Promise<Uploaders> {
    const folder = await mkdtemp(join(tmpdir(), 'cyberun-uploads-'));
    const source = join(import.meta.dirname, 'upload.go');
    await run(GO, ['build', '-o', join(folder, 'upload'), source]);
    return new Uploaders(folder);
  }

  /** Go's net/http. */
  readonly go: Uploader = async ({ url, authorization, contentType }, sizes) => {
    const args = [url, authorization, contentType, ...sizes.map(String)];
    const { stdout } = await run(join(this.folder, 'upload'), args, { maxBuffer: OUTPUT_BYTES });
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Outcome);
  };

  /** curl, which waits for 100 Continue with bodies of this size. */
  readonly curl: Uploader = (upload, sizes) => this.curlWith([], upload, sizes);

  /** curl that sends the body at once. */
  readonly curlAtOnce: Uploader = (upload, sizes) => this.curlWith(['--header', 'Expect:'], upload, sizes);

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  private async curlWith(
    options: readonly string[],
    { url, authorization, contentType }: Upload,
    sizes: readonly number[],
  ): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    const body = join(this.folder, 'body');
    for (const size of sizes) {
      await writeFile(body, Buffer.alloc(size));
      const headers = [
        `Authorization: ${authorization}`,
        `Content-Type: ${contentType}`,
        `Accept: ${ACCEPT}`,
      ];
      const args = [
        '--silent',
        '--show-error',
        '--write-out',
        '\n%{http_code}',
        '--data-binary',
        `@${body}`,
        ...headers.flatMap((header) => ['--header', header]),
        ...options,
        url,
      ];
      outcomes.push(await run('curl', args, { maxBuffer: OUTPUT_BYTES }).then(curled, curlFailed));
    }
    return outcomes;
  }
}

function curled({ stdout }: { readonly stdout: string }): Outcome {
  const end = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) };
}

const curlFailed = (error: unknown): Outcome => ({ status: 0, body: String(error) });
