import { Inject, Injectable, PayloadTooLargeException } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import type { BodyLink } from '../../contract/index.js';
import { DownloadLinks } from './download-links.js';
import { answerKey, parseFileKey } from './file-key.js';
import { ObjectStore } from './object-store.js';
import { StoredFiles } from './stored-files.js';

/** Of a body whose size is not known, the room of the team is reserved step by step. */
const STEP_BYTES = 4 * 1024 * 1024;

/** A body to be stored, and for whom. */
export interface AnswerBody {
  readonly teamId: string;
  /** Of the key that asked for it. */
  readonly credentialId: string;
  readonly fileName: string;
  readonly contentType: string;
  /** Bytes that it has at least; more are counted as they arrive. */
  readonly knownSize: number;
  readonly chunks: Iterable<Buffer> | AsyncIterable<Buffer>;
}

/** Bodies of answers that are too large for a reply: files of the team for an hour, each with a link. */
@Injectable()
export class AnswerFiles {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly store: ObjectStore,
    private readonly stored: StoredFiles,
    private readonly links: DownloadLinks,
  ) {}

  /**
   * Stores a body as it arrives; nothing of it stays when that fails.
   *
   * @throws {TeamFilesFull} when the team has no room for it.
   */
  async keep(body: AnswerBody): Promise<BodyLink> {
    const { teamId, credentialId, fileName, contentType } = body;
    const key = answerKey(teamId, fileName, contentType);
    try {
      const size = await this.store.write(key, this.reserved(key, body));
      const linkId = await this.stored.confirm(key, teamId, size);
      const { url, expiresAt } = this.links.toFile(linkId, credentialId);
      // As they are served: the name and the type that a service gives may be neither.
      const served = parseFileKey(key);
      return {
        url,
        ...(served && { file_name: served.fileName, content_type: served.contentType }),
        size,
        expires_at: expiresAt.toISOString(),
      };
    } catch (error) {
      await this.stored.forget(key);
      throw error;
    }
  }

  /** The chunks, each once the team has room for it. */
  private async *reserved(key: string, { teamId, knownSize, chunks }: AnswerBody): AsyncGenerator<Buffer> {
    const { filesMaxBytes } = this.config;
    let size = 0;
    let reserved = 0;
    for await (const chunk of chunks) {
      size += chunk.length;
      if (size > filesMaxBytes)
        throw new PayloadTooLargeException(
          `the body has more than ${filesMaxBytes} bytes, which is the most that a file may have here`,
        );
      if (size > reserved) {
        reserved = reserved === 0 ? Math.max(size, knownSize) : size + STEP_BYTES;
        await this.stored.announce(teamId, [{ key, size: reserved }]);
      }
      yield chunk;
    }
  }
}
