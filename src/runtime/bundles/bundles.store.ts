import type { ClientHttp2Session } from 'node:http2';

import { Injectable } from '@nestjs/common';

import type { BundleRef } from '../../contract/index.js';
import { Database, type Tx } from '../database/index.js';
import { BundleDelivery } from './bundle-delivery.js';
import type { Bundle } from './pack-bundle.js';

/** Stores the bundles of workflows in the database, so that every workflow version runs with its own files. */
@Injectable()
export class BundlesStore {
  constructor(
    private readonly database: Database,
    private readonly delivery: BundleDelivery,
  ) {}

  /** Stores a bundle unless one with this hash exists. */
  async save(tx: Tx, { hash, archive }: Bundle): Promise<void> {
    await tx
      .insertInto('bundle')
      .values({ hash, archive })
      .onConflict((conflict) => conflict.column('hash').doNothing())
      .execute();
  }

  /**
   * Sends a stored bundle unless the agent has it.
   *
   * @throws {BundleRejected} when the agent refuses it; another error when the agent is gone.
   */
  deliver(session: ClientHttp2Session, bundle: BundleRef): Promise<void> {
    return this.delivery.deliver(session, bundle, () => this.read(bundle.hash));
  }

  private async read(hash: string): Promise<Buffer> {
    const { archive } = await this.database.db
      .selectFrom('bundle')
      .select('archive')
      .where('hash', '=', hash)
      .executeTakeFirstOrThrow();
    return Buffer.from(archive);
  }
}
