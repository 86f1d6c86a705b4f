import { type DynamicModule, Global, Module } from '@nestjs/common';

import { Addresses } from './addresses.js';
import { CONFIG, type Config } from './config.js';

/** Provides the frozen settings; the only global module. */
@Global()
@Module({})
export class ConfigModule {
  static with(config: Config): DynamicModule {
    return {
      module: ConfigModule,
      providers: [{ provide: CONFIG, useValue: config }, Addresses],
      exports: [CONFIG, Addresses],
    };
  }
}
