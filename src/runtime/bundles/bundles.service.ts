import { once } from 'node:events';
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2';
import { text } from 'node:stream/consumers';

import { Injectable } from '@nestjs/common';

import { AGENT_PATHS, type BundleRef } from '../../contract/index.js';
import { Database, type Tx } from '../database/index.js';
import type { Bundle } from './pack-bundle.js';

/** Timeout without any transfer; the tunnel detects a dead connection. */
const IDLE_MS = 60_000;

/** The agent refused a bundle; the message gives the reason. */
export class BundleRejected extends Error {
  override readonly name = 'BundleRejected';
}

/**
 * Bundles (files beside definitions): sent to agents, each once. They are stored in the database, so that every
 * version of a definition runs with its own files.
 */
@Injectable()
export class BundlesService {
  /** Deliveries in progress, by connection and hash. */
  private readonly deliveries = new WeakMap<ClientHttp2Session, Map<string, Promise<void>>>();

  constructor(private readonly database: Database) {}

  /** Stores a bundle unless one with this hash exists. */
  async save(tx: Tx, { hash, archive }: Bundle): Promise<void> {
    await tx
      .insertInto('bundle')
      .values({ hash, archive })
      .onConflict((conflict) => conflict.column('hash').doNothing())
      .execute();
  }

  /**
   * Sends a bundle unless the agent has it.
   *
   * @throws {BundleRejected} when the agent refuses it; another error when the agent is gone.
   */
  async deliver(session: ClientHttp2Session, { hash }: BundleRef): Promise<void> {
    const current = this.deliveries.get(session) ?? new Map<string, Promise<void>>();
    this.deliveries.set(session, current);
    const delivery =
      current.get(hash) ??
      deliverOnce(session, hash, () => this.stored(hash)).finally(() => current.delete(hash));
    current.set(hash, delivery);
    await delivery;
  }

  private async stored(hash: string): Promise<Uint8Array> {
    const { archive } = await this.database.db
      .selectFrom('bundle')
      .select('archive')
      .where('hash', '=', hash)
      .executeTakeFirstOrThrow();
    return archive;
  }
}

async function deliverOnce(
  session: ClientHttp2Session,
  hash: string,
  read: () => Promise<Uint8Array>,
): Promise<void> {
  if ((await exchange(session, 'HEAD', hash)).status === 204) return;
  const { status, reply } = await exchange(session, 'PUT', hash, await read());
  if (status === 204) return;
  throw new BundleRejected(`the files of the definition were not taken: ${reply || `status ${status}`}`);
}

async function exchange(
  session: ClientHttp2Session,
  method: 'HEAD' | 'PUT',
  hash: string,
  archive?: Uint8Array,
): Promise<{ status: number; reply: string }> {
  const stream = session.request({ ':method': method, ':path': `${AGENT_PATHS.bundles}/${hash}` });
  stream.setTimeout(IDLE_MS, () => stream.close());
  stream.end(archive);
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  return { status: Number(headers[':status']), reply: await text(stream) };
}
