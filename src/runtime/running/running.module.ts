import { Inject, Module, type OnModuleInit } from '@nestjs/common';

import { Addresses, CONFIG, type Config, packageVersion } from '../../config/index.js';
import { AdminServer } from '../credentials/index.js';
import { Database, readDatabaseFacts } from '../database/index.js';
import { RUNNING_PATH, type RunningServer } from './running-server.js';

/** Tells commands on the data folder what this server is, over the admin socket. */
@Module({})
export class RunningModule implements OnModuleInit {
  constructor(
    private readonly admin: AdminServer,
    private readonly addresses: Addresses,
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  onModuleInit(): void {
    this.admin.handle('GET', RUNNING_PATH, () => this.describe());
  }

  private async describe(): Promise<RunningServer> {
    const { role, metricsPort, healthPort } = this.config;
    const { public: url, loopback } = this.addresses;
    return {
      process_id: process.pid,
      role,
      version: packageVersion,
      url,
      http_port: Number(new URL(loopback).port) || 80,
      other_ports: [metricsPort, healthPort].flatMap((port) => port ?? []),
      database: await readDatabaseFacts(this.database.db),
    };
  }
}
