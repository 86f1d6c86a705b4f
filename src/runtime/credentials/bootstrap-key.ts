import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import { Database } from '../database/index.js';
import { CredentialsStore } from './credentials.store.js';

/** Creates the first integration key of a new runtime. */
@Injectable()
export class BootstrapKey implements OnModuleInit {
  private shown: string | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly database: Database,
    private readonly keys: CredentialsStore,
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
    const { bootstrapKey } = this.config;
    if (bootstrapKey !== undefined) {
      if (!(await this.keys.knows(bootstrapKey))) await this.keys.create(wanted('bootstrap'), bootstrapKey);
    } else if (await this.keys.isEmpty()) {
      this.shown = (await this.keys.create(wanted('first key'))).raw_key;
    }
  }
}

const wanted = (display_name: string) => ({ kind: 'integration', display_name }) as const;
