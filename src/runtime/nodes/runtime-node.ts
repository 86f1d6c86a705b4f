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
export const DEAD_AFTER_SECONDS = 10;
/** After an outage of the database every node looks dead; each waits this long before it judges others. */
const STEADY_AFTER_MS = 12_000;

/** What happens at every beat; `isSteady`: this node may judge others. */
type BeatListener = (isSteady: boolean) => Promise<void>;

/** This process among the nodes that share the database. */
@Injectable()
export class RuntimeNode implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly id = uuidV7();
  private readonly logger = new Logger('Node');
  private readonly listeners: BeatListener[] = [];
  private timer: NodeJS.Timeout | undefined;
  private beating: Promise<void> = Promise.resolve();
  /** Since when every beat has succeeded. */
  private steadySince = Number.POSITIVE_INFINITY;

  constructor(
    private readonly database: Database,
    private readonly addresses: Addresses,
  ) {}

  onModuleInit(): Promise<void> {
    return this.write();
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.beat(), BEAT_MS).unref();
  }

  /** The row stays: what this node held can be taken over until its lease ends. */
  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.beating;
  }

  /** Calls back at every beat, one listener after the other; a beat that fails is followed by the next. */
  onBeat(listener: BeatListener): void {
    this.listeners.push(listener);
  }

  /** Nodes that are alive, with the address at which other nodes reach them. */
  async urlOf(nodeId: string): Promise<string | undefined> {
    const row = await this.database.db
      .selectFrom('runtime_node')
      .select('url')
      .where('id', '=', nodeId)
      .where('seen_at', '>', sql<Date>`now() - make_interval(secs => ${DEAD_AFTER_SECONDS})`)
      .executeTakeFirst();
    return row?.url;
  }

  /** Whether another node is alive. */
  async hasOthers(): Promise<boolean> {
    const row = await this.database.db
      .selectFrom('runtime_node')
      .select('id')
      .where('id', '!=', this.id)
      .where('seen_at', '>', sql<Date>`now() - make_interval(secs => ${DEAD_AFTER_SECONDS})`)
      .limit(1)
      .executeTakeFirst();
    return row !== undefined;
  }

  private beat(): void {
    this.beating = this.beating.then(() => this.pulse()).catch((error: unknown) => this.missed(error));
  }

  private async pulse(): Promise<void> {
    await this.write();
    this.steadySince = Math.min(this.steadySince, performance.now());
    const isSteady = performance.now() - this.steadySince >= STEADY_AFTER_MS;
    for (const listener of this.listeners) await listener(isSteady);
  }

  private missed(error: unknown): void {
    this.steadySince = Number.POSITIVE_INFINITY;
    logFailure(this.logger, 'this node could not report that it is alive', error);
  }

  private async write(): Promise<void> {
    const url = this.addresses.node;
    await this.database.db
      .insertInto('runtime_node')
      .values({ id: this.id, url })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ url, seen_at: sql<Date>`now()` }))
      .execute();
  }
}
