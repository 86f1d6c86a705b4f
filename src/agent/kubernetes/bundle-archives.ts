import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { ClientHttp2Session, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';

import { AGENT_PATHS, type BundleRef } from '../../contract/index.js';
import { BundleFolder } from '../bundle-folder.js';
import { bundleHashIn, replyToBundle } from '../bundles.js';

/** Number of archives that are kept, the most recently used. */
const KEPT = 50;

/** The bundles (files of definitions) on this agent, packed as they came, to be passed on to pods. */
export class BundleArchives {
  private readonly folder: BundleFolder;

  constructor(cacheDir: string) {
    this.folder = new BundleFolder(join(cacheDir, 'archives'), KEPT);
  }

  /** Removes what an earlier agent that was killed has not stored to its end. */
  async removeIncoming(): Promise<void> {
    await this.folder.removeIncoming();
  }

  /** Answers the gateway: HEAD returns whether the agent has a bundle, PUT stores one. */
  async answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const hash = bundleHashIn(headers);
    if (hash === undefined) return replyToBundle(stream, 404);
    if (headers[':method'] === 'HEAD')
      return replyToBundle(stream, (await this.folder.has(hash)) ? 204 : 404);
    const archive = await buffer(stream);
    if (createHash('sha256').update(archive).digest('hex') !== hash)
      return replyToBundle(stream, 422, 'the archive is not the one that was announced');
    await this.keep(hash, archive);
    replyToBundle(stream, 204);
  }

  /**
   * Gives a bundle to the agent in a pod.
   *
   * @returns whether this agent still has it: others that were used later may have taken its place.
   * @throws when the pod refuses it.
   */
  async passOn({ hash }: BundleRef, session: ClientHttp2Session): Promise<boolean> {
    const archive = await this.read(hash);
    if (!archive) return false;
    const request = session.request({ ':method': 'PUT', ':path': `${AGENT_PATHS.bundles}/${hash}` });
    const status = new Promise<number>((resolve, reject) => {
      request.once('response', (headers) => resolve(headers[':status'] ?? 0));
      request.once('error', reject);
      request.once('close', () => reject(new Error('the pod has ended the connection')));
    });
    request.end(archive);
    const answered = await status;
    const why = await text(request);
    if (answered !== 204)
      throw new Error(`the pod answered ${answered} to the files of the workflow: ${why}`);
    return true;
  }

  private async read(hash: string): Promise<Buffer | undefined> {
    try {
      await this.folder.markUsed(hash);
      return await readFile(this.folder.pathOf(hash));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  private async keep(hash: string, archive: Buffer): Promise<void> {
    await mkdir(this.folder.path, { recursive: true, mode: 0o700 });
    const incoming = this.folder.incomingPath();
    try {
      await writeFile(incoming, archive, { mode: 0o600 });
      await rename(incoming, this.folder.pathOf(hash));
      await this.folder.prune();
    } finally {
      await rm(incoming, { force: true });
    }
  }
}
