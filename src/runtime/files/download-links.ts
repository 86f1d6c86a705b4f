import { randomBytes } from 'node:crypto';

import {
  ForbiddenException,
  GoneException,
  Inject,
  Injectable,
  NotFoundException,
  type OnModuleInit,
} from '@nestjs/common';
import { sql } from 'kysely';

import { Addresses, CONFIG, type Config } from '../../config/index.js';
import { Database, sharedSecret } from '../database/index.js';
import { outputAlias } from './file-key.js';
import { type LinkGrant, linkToken, readLinkToken, type ReceivedToken } from './link-token.js';
import { LINK_SECONDS } from './object-store.js';

/** Path of links below an origin. */
const LINKS_PATH = '/api/v1/links';
const SECRET_BYTES = 32;
const DAY_MS = 86_400_000;

interface EndedTask {
  readonly teamId: string;
  readonly taskId: string;
  readonly endedAt: Date;
}

/** By the names of the files; `expiresAt` is null where there are none. */
interface OutputLinks {
  readonly urls: Record<string, string>;
  readonly keys: Record<string, string>;
  readonly expiresAt: Date | null;
}

/**
 * Short links to files of a team, which open without a key. A link ends after an hour, with the key that asked for it, and
 * with its file. Its secret is in the database, so that every node opens it.
 */
@Injectable()
export class DownloadLinks implements OnModuleInit {
  private secret = '';

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly database: Database,
    private readonly addresses: Addresses,
  ) {}

  async onModuleInit(): Promise<void> {
    this.secret = await sharedSecret(this.database, 'short-links', randomBytes(SECRET_BYTES).toString('hex'));
  }

  /** Links to the outputs of a task that are still stored, and their keys, for the holder of a key. */
  async ofTask({ teamId, taskId, endedAt }: EndedTask, credentialId: string): Promise<OutputLinks> {
    if (Date.now() - endedAt.getTime() >= this.config.filesOutputDays * DAY_MS)
      return { urls: {}, keys: {}, expiresAt: null };
    const files = await this.database.db
      .selectFrom('task_file')
      .innerJoin('stored_file', 'stored_file.file_key', 'task_file.file_key')
      .select(['task_file.file_name as name', 'stored_file.link_id as linkId'])
      .where('task_file.task_id', '=', taskId)
      .where('task_file.team_id', '=', teamId)
      .orderBy('task_file.file_name')
      .execute();
    const expires = hourFromNow();
    const urls = files.map(({ name, linkId }) => [name, this.link({ linkId, credentialId, expires })]);
    const keys = files.map(({ name }) => [name, outputAlias(taskId, name)]);
    return {
      urls: Object.fromEntries(urls) as Record<string, string>,
      keys: Object.fromEntries(keys) as Record<string, string>,
      expiresAt: files.length > 0 ? new Date(expires * 1000) : null,
    };
  }

  /** A link to one file, for the holder of a key. */
  toFile(linkId: string, credentialId: string): { readonly url: string; readonly expiresAt: Date } {
    const expires = hourFromNow();
    return { url: this.link({ linkId, credentialId, expires }), expiresAt: new Date(expires * 1000) };
  }

  /**
   * The key of the file that a link opens.
   *
   * @throws {HttpException} which says how to get a link that works.
   */
  async open(token: string): Promise<string> {
    const link = readLinkToken(token);
    if (!link) throw new ForbiddenException(NOT_A_LINK);
    if (link.expires <= Date.now() / 1000) throw new GoneException(EXPIRED);
    const rows = await this.rowsOf(link);
    if (rows.length === 0) throw new NotFoundException(NO_FILE);
    const row = rows.find(
      ({ credential_id }) => credential_id !== null && link.isSignedFor(credential_id, this.secret),
    );
    if (!row) throw new ForbiddenException(NOT_A_LINK);
    const isEnded = row.revoked_at !== null || (row.expires_at?.getTime() ?? Infinity) <= Date.now();
    if (isEnded) throw new ForbiddenException(KEY_ENDED);
    return row.file_key;
  }

  private link(grant: LinkGrant): string {
    return `${this.addresses.public}${LINKS_PATH}/${linkToken(grant, this.secret)}`;
  }

  /** The file, once for each key of its team that the link may be for. */
  private rowsOf({ linkId, keyTail }: ReceivedToken) {
    return this.database.db
      .selectFrom('stored_file as file')
      .leftJoin('credential as key', (join) =>
        join
          .onRef('key.team_id', '=', 'file.team_id')
          .on(sql<string>`right(key.id::text, ${keyTail.length}::int)`, '=', keyTail),
      )
      .select(['file.file_key', 'key.id as credential_id', 'key.revoked_at', 'key.expires_at'])
      .where('file.link_id', '=', linkId)
      .execute();
  }
}

/** In seconds since 1970. */
const hourFromNow = (): number => Math.floor(Date.now() / 1000) + LINK_SECONDS;

const AGAIN =
  'Ask for a new one: for a file of a task, get the result of the task again (tool get_task_result, GET /r/tasks/{id}/result); for the answer of a service, call it again.';
const NOT_A_LINK =
  'This is no link of this runtime, or a part of it is missing. Use the link exactly as it was given, or ask for it again.';
const EXPIRED = `The link has expired: links hold for ${LINK_SECONDS / 60} minutes. ${AGAIN}`;
export const NO_FILE =
  'The file of this link is not kept any more, so there is no new link to it. If you need it: for a file of a task, run the task again; for the answer of a service, call the service again.';
const KEY_ENDED = `The key for which this link was made has been revoked or has expired, and its links with it. ${AGAIN}`;
