import {
  GatewayTimeoutException,
  Inject,
  Injectable,
  Logger,
  PayloadTooLargeException,
} from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import type { BodyLink } from '../../contract/index.js';
import { logFailure } from '../database/index.js';
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
  private readonly logger = new Logger('Files');

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly store: ObjectStore,
    private readonly stored: StoredFiles,
    private readonly links: DownloadLinks,
  ) {}

  /**
   * Stores a body as it arrives; nothing of it stays when that fails.
   *
   * @param limitMs its caller waits no longer for the file store and the database.
   * @throws {TeamFilesFull} when the team has no room for it.
   * @throws {HttpException} when it is larger than a file may be, or not stored in time.
   */
  async keep(body: AnswerBody, limitMs: number): Promise<BodyLink> {
    const { promise: timedOut, reject } = Promise.withResolvers<never>();
    const limit = new AbortController();
    const timer = setTimeout(() => {
      const error = notInTime(limitMs);
      limit.abort(error);
      reject(error);
    }, limitMs);
    try {
      return await Promise.race([this.storeFor(body, limit.signal), timedOut]);
    } finally {
      clearTimeout(timer);
    }
  }

  private async storeFor(body: AnswerBody, signal: AbortSignal): Promise<BodyLink> {
    const { teamId, credentialId, fileName, contentType } = body;
    const key = answerKey(teamId, fileName, contentType);
    try {
      const size = await this.store.write(key, this.reserved(key, body), signal);
      const linkId = await this.stored.confirm(key, teamId, size);
      signal.throwIfAborted();
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
      await this.discard(key, signal.aborted);
      throw error;
    }
  }

  /** @param isInDoubt whether the store may have it: a write that was given up may have arrived. */
  private async discard(key: string, isInDoubt: boolean): Promise<void> {
    try {
      await this.stored.forget(key);
      if (isInDoubt) await this.store.remove([key]);
    } catch (error) {
      // The sweep removes both within two hours.
      logFailure(this.logger, 'an answer of a service that has no link was not removed yet', error);
    }
  }

  /** The chunks, each once the team has room for it. */
  private async *reserved(key: string, { teamId, knownSize, chunks }: AnswerBody): AsyncGenerator<Buffer> {
    const { filesMaxBytes } = this.config;
    let size = 0;
    let reserved = 0;
    for await (const chunk of chunks) {
      size += chunk.length;
      const expected = reserved === 0 ? Math.max(size, knownSize) : size;
      if (expected > filesMaxBytes)
        throw new PayloadTooLargeException(
          `it has more than ${filesMaxBytes} bytes, which is the most that a file may have here`,
        );
      if (size > reserved) {
        reserved = reserved === 0 ? expected : size + STEP_BYTES;
        await this.stored.announceAnswer(teamId, { key, size: reserved });
      }
      yield chunk;
    }
  }
}

const notInTime = (limitMs: number): Error =>
  new GatewayTimeoutException(
    `the file store of this runtime did not take it within ${Math.round(limitMs / 100) / 10} s`,
  );
