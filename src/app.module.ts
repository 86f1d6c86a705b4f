import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';

import { type Config, ConfigModule, type Role } from './config/index.js';
import { HealthModule } from './health/index.js';
import { McpModule } from './mcp/index.js';
import { HttpErrorFilter } from './observability/index.js';
import { RuntimeModule } from './runtime/index.js';
import * as tools from './tools/index.js';

const MCP = [McpModule, ...Object.values(tools)];
const RUNTIME = [RuntimeModule];

/** Which areas each role switches on. */
const AREAS: Record<Role, DynamicModule['imports'] & {}> = {
  all: [...MCP, ...RUNTIME],
  mcp: MCP,
  runtime: RUNTIME,
  agent: [],
};

@Module({})
export class AppModule {
  static for(config: Config): DynamicModule {
    return {
      module: AppModule,
      imports: [ConfigModule.with(config), HealthModule, ...AREAS[config.role]],
      providers: [{ provide: APP_FILTER, useClass: HttpErrorFilter }],
    };
  }
}
