import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleInit,
} from '@nestjs/common';
import { sql } from 'kysely';

import { Addresses } from '../../config/index.js';
import { Database, logFailure, uuidV7 } from '../database/index.js';

const BEAT_MS = 2000;
/** A node that has not been seen for this long is treated as dead. */
const DEAD_AFTER_SECONDS = 10;
/** A node seen later than this is alive, by the clock of the database. */
export const ALIVE_SINCE = sql<Date>`now() - make_interval(secs => ${DEAD_AFTER_SECONDS})`;
/** After an outage of the database every node looks dead; each waits this long before it releases their runs. */
const STEADY_AFTER_MS = 12_000;

/** What happens at every beat; `isSteady`: this node may release the runs of others. */
type BeatListener = (isSteady: boolean) => Promise<void>;

/** This process among the nodes that share the database. */
@Injectable()
export class RuntimeNode implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly id = uuidV7();
  private readonly logger = new Logger('Node');
  private readonly listeners: BeatListener[] = [];
  private folderId: string | null = null;
  private timer: NodeJS.Timeout | undefined;
  private isStopping = false;
  private writing: Promise<void> | undefined;
  private telling: Promise<void> | undefined;
  /** Time of the latest successful beat; 0 after a failed one. */
  private lastBeat = 0;
  /** Since when every beat has succeeded. */
  private steadySince = Number.POSITIVE_INFINITY;

  constructor(
    private readonly database: Database,
    private readonly addresses: Addresses,
  ) {}

  onModuleInit(): Promise<void> {
    this.addresses.onAnnounced(() => this.beat());
    return this.write();
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.beat(), BEAT_MS).unref();
  }

  /** The row stays, without its address: what this node held can be taken over until its lease ends. */
  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    this.isStopping = true;
    await Promise.all([this.writing, this.telling]);
    await this.write('').catch((error: unknown) =>
      logFailure(this.logger, 'this node could not report that it stops', error),
    );
  }

  /** Calls back at every beat, one listener after the other; a beat that fails is followed by the next. */
  onBeat(listener: BeatListener): void {
    this.listeners.push(listener);
  }

  /** Announces to the other nodes that the files of a folder are here; called once, before the start. */
  keepFolder(folderId: string): void {
    this.folderId = folderId;
  }

  /** The node that has the files of a folder, if it is alive. */
  async urlOfFolder(folderId: string): Promise<string | undefined> {
    const row = await this.database.db
      .selectFrom('runtime_node')
      .select('url')
      .where('folder_id', '=', folderId)
      .where('url', '!=', '')
      .where('seen_at', '>', ALIVE_SINCE)
      .orderBy('started_at', 'desc')
      .limit(1)
      .executeTakeFirst();
    return row?.url;
  }

  /** Whether the database is embedded in this process: other nodes in it are earlier runs of this server. */
  get isAlone(): boolean {
    return 'pglite' in this.database.driver;
  }

  /** Whether this node may judge others by their rows. */
  get isSteady(): boolean {
    return this.lastBeat !== 0 && Date.now() - this.steadySince >= STEADY_AFTER_MS;
  }

  /** Whether another node is alive and has not been stopped. */
  async hasOthers(): Promise<boolean> {
    if (this.isAlone) return false;
    const row = await this.database.db
      .selectFrom('runtime_node')
      .select('id')
      .where('id', '!=', this.id)
      .where('url', '!=', '')
      .where('seen_at', '>', ALIVE_SINCE)
      .limit(1)
      .executeTakeFirst();
    return row !== undefined;
  }

  /** The listeners may take longer than a beat; this node is alive meanwhile. */
  private async beat(): Promise<void> {
    // A beat that has begun may carry an older address.
    await this.writing;
    if (this.isStopping) return;
    this.writing ??= this.renew().finally(() => {
      this.writing = undefined;
    });
    await this.writing;
  }

  private async renew(): Promise<void> {
    try {
      await this.write();
    } catch (error) {
      this.lastBeat = 0;
      logFailure(this.logger, 'this node could not report that it is alive', error);
      return;
    }
    // By the clock, since a machine that was suspended has missed beats, too.
    const now = Date.now();
    if (now - this.lastBeat > DEAD_AFTER_SECONDS * 1000) this.steadySince = now;
    this.lastBeat = now;
    this.telling ??= this.tell(now - this.steadySince >= STEADY_AFTER_MS).finally(() => {
      this.telling = undefined;
    });
  }

  private async tell(isSteady: boolean): Promise<void> {
    for (const listener of this.listeners) {
      await listener(isSteady).catch((error: unknown) =>
        logFailure(this.logger, 'the work of a beat failed', error),
      );
    }
  }

  private async write(url = this.addresses.node): Promise<void> {
    const row = { url, folder_id: this.folderId };
    await this.database.db
      .insertInto('runtime_node')
      .values({ id: this.id, ...row })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ ...row, seen_at: sql<Date>`now()` }))
      .execute();
  }
}
