import { readdir } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';

import type { Request, Response } from 'express';
import { contentType } from 'mime-types';

/** Codings that the build prepares beside each file, best first, with the ending of the file. */
const CODINGS = { br: '.br', gzip: '.gz' } as const;
type Coding = keyof typeof CODINGS;

/** The build names these after their content. */
const IMMUTABLE = /^assets\//;

/** Headers of every file: a browser must not guess what it is, nor tell other sites where it comes from. */
const HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  Vary: 'Accept-Encoding',
};

/** Files of a folder that does not change while it is served; read when the first one is asked for. */
export class StaticFiles {
  private names: Promise<ReadonlySet<string>> | undefined;

  /** @param pageHeaders of HTML pages, such as their Content-Security-Policy. */
  constructor(
    private readonly folder: string,
    private readonly pageHeaders: Readonly<Record<string, string>>,
  ) {}

  /** Sends a file by its path in the folder; `false` when there is none. */
  async send(path: string, request: Request, response: Response): Promise<boolean> {
    const names = await this.known();
    if (!names.has(path)) return false;
    const coding = request.acceptsEncodings(...codingsOf(path, names), 'identity');
    const isPage = extname(path) === '.html';
    response.set({
      ...HEADERS,
      ...(isPage && this.pageHeaders),
      'Content-Type': contentType(extname(path)) || 'application/octet-stream',
      'Cache-Control': IMMUTABLE.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache',
    });
    if (isCoding(coding)) response.set('Content-Encoding', coding);
    const stored = isCoding(coding) ? path + CODINGS[coding] : path;
    const { promise, resolve } = Promise.withResolvers<void>();
    const options = { root: this.folder, cacheControl: false, lastModified: false, acceptRanges: false };
    // A client that goes away is no error, and the file was there a moment ago.
    response.sendFile(stored, options, () => resolve());
    await promise;
    return true;
  }

  private known(): Promise<ReadonlySet<string>> {
    this.names ??= namesIn(this.folder);
    return this.names;
  }
}

const isCoding = (coding: string | false): coding is Coding => coding !== false && coding in CODINGS;

const codingsOf = (path: string, names: ReadonlySet<string>): Coding[] =>
  (Object.keys(CODINGS) as Coding[]).filter((coding) => names.has(path + CODINGS[coding]));

/** The paths of all files in a folder, with slashes; none when there is no folder. */
async function namesIn(folder: string): Promise<ReadonlySet<string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile());
  return new Set(
    files.map(({ parentPath, name }) =>
      join(parentPath, name)
        .slice(folder.length + 1)
        .replaceAll(sep, '/'),
    ),
  );
}
