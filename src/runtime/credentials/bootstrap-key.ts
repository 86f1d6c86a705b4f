import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import { Database, TEAM_ID } from '../database/index.js';
import { CredentialsStore } from './credentials.store.js';

/** Creates the first integration key of a new runtime. */
@Injectable()
export class BootstrapKey implements OnModuleInit {
  private shown: string | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly database: Database,
    @Inject(TEAM_ID) private readonly teamId: string,
  ) {}

  /** The raw key if this start has generated one; a configured key is not shown. */
  get key(): string | undefined {
    return this.shown;
  }

  /** One node after the other: those that start together would each create a key. */
  onModuleInit(): Promise<void> {
    return this.database.exclusively('first key', () => this.create());
  }

  private async create(): Promise<void> {
    const store = new CredentialsStore(this.database.db, this.teamId);
    const { bootstrapKey } = this.config;
    if (bootstrapKey !== undefined) {
      if (!(await store.knows(bootstrapKey))) await store.create(wanted('bootstrap'), bootstrapKey);
    } else if (await store.isEmpty()) {
      this.shown = (await store.create(wanted('first key'))).raw_key;
    }
  }
}

const wanted = (display_name: string) => ({ kind: 'integration', display_name }) as const;
