import { createHash } from 'node:crypto';
import { chmod, mkdir, rename, rm } from 'node:fs/promises';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';

import { Logger } from '@nestjs/common';
import { extract, type ReadEntry } from 'tar';

import { errorText } from '../config/index.js';
import { AGENT_PATHS, type BundleRef } from '../contract/index.js';
import { BundleFolder } from './bundle-folder.js';

const logger = new Logger('Agent');
const ADDRESS = new RegExp(`^${AGENT_PATHS.bundles}/([0-9a-f]{64})$`);
/** Number of unused bundles that are kept for later runs, the most recently used. */
const KEPT = 20;

/** The files of a definition; kept until this is disposed. */
export interface BundleInUse extends Disposable {
  /** Folder of the files, which are read-only because runs share them. */
  readonly path: string;
}

/** The bundles (files of definitions) on this agent, each in a folder named by its hash. */
export class Bundles {
  private readonly folder: BundleFolder;
  private readonly users = new Map<string, number>();

  constructor(cacheDir: string) {
    this.folder = new BundleFolder(join(cacheDir, 'bundles'), KEPT);
  }

  /** Removes what an earlier agent that was killed has not unpacked to its end. */
  async removeIncoming(): Promise<void> {
    await this.folder.removeIncoming();
  }

  /** Answers the gateway: HEAD returns whether the agent has a bundle, PUT stores one. */
  async answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const hash = bundleHashIn(headers);
    if (hash === undefined) return replyToBundle(stream, 404);
    if (headers[':method'] === 'HEAD')
      return replyToBundle(stream, (await this.folder.has(hash)) ? 204 : 404);
    try {
      await this.keep(hash, await buffer(stream));
      replyToBundle(stream, 204);
    } catch (error) {
      logger.warn({ message: 'the files of a definition could not be kept', hash, error });
      replyToBundle(stream, 422, errorText(error));
    }
  }

  /** @throws when the agent does not have the bundle. */
  async use({ hash }: BundleRef): Promise<BundleInUse> {
    this.users.set(hash, (this.users.get(hash) ?? 0) + 1);
    const release = (): void => void this.users.set(hash, (this.users.get(hash) ?? 1) - 1);
    try {
      await this.folder.markUsed(hash);
    } catch (error) {
      release();
      throw new Error('the files of the definition are not on this agent', { cause: error });
    }
    return { path: this.folder.pathOf(hash), [Symbol.dispose]: release };
  }

  /** Unpacks an archive into the folder of its hash; a truncated or altered archive leaves nothing behind. */
  private async keep(hash: string, archive: Buffer): Promise<void> {
    if (createHash('sha256').update(archive).digest('hex') !== hash)
      throw new Error('the archive is not the one that was announced');
    if (await this.folder.has(hash)) return;
    await mkdir(this.folder.path, { recursive: true, mode: 0o700 });
    const incoming = this.folder.incomingPath();
    // Users of containers may read it; the folder around it is closed on this machine.
    await mkdir(incoming);
    await chmod(incoming, 0o755);
    try {
      await pipeline([archive], extract({ cwd: incoming, strict: true, onReadEntry: readOnly }));
      // Two gateways may deliver the same bundle at the same time.
      await rename(incoming, this.folder.pathOf(hash)).catch(async (error: unknown) => {
        if (!(await this.folder.has(hash))) throw error;
      });
      await this.folder.prune((held) => !this.users.get(held));
    } finally {
      await rm(incoming, { recursive: true, force: true });
    }
  }
}

function readOnly(entry: ReadEntry): void {
  entry.mode = 0o444 | ((entry.mode ?? 0) & 0o111);
}

/** The hash in the path of a request that concerns a bundle. */
export const bundleHashIn = (headers: IncomingHttpHeaders): string | undefined =>
  ADDRESS.exec(headers[':path'] ?? '')?.[1];

/** @param text why it is refused. */
export function replyToBundle(stream: ServerHttp2Stream, status: number, text = ''): void {
  if (stream.destroyed) return;
  stream.respond({ ':status': status }, { endStream: text === '' });
  if (text !== '') stream.end(text);
}
