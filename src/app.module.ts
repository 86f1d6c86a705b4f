import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';

import { type Config, ConfigModule, type Role } from './config/index.js';
import { HealthModule } from './health/index.js';
import { HttpErrorFilter } from './observability/index.js';

/** Modules as Nest imports them. */
export type Modules = NonNullable<DynamicModule['imports']>;

// Loaded for the roles that need them: role mcp starts without a database.
const mcp = async (): Promise<Modules> => {
  const [{ McpModule }, { PageModule }, tools] = await Promise.all([
    import('./mcp/index.js'),
    import('./page/index.js'),
    import('./tools/index.js'),
  ]);
  return [McpModule, PageModule, ...Object.values(tools)];
};
const forwardedLinks = async (): Promise<Modules> => [
  (await import('./upstream/index.js')).LinkForwardingModule,
];
const runtime = async (): Promise<Modules> => [(await import('./runtime/index.js')).RuntimeModule];

/** Which areas each role switches on. */
const AREAS: Record<Role, (config: Config) => Promise<Modules>> = {
  all: async () => [...(await mcp()), ...(await runtime())],
  mcp: async ({ runtimeForwardLinks }) => [
    ...(await mcp()),
    ...(runtimeForwardLinks ? await forwardedLinks() : []),
  ],
  runtime,
  agent: () => Promise.resolve([]),
};

@Module({})
export class AppModule {
  /** @param more modules of the operator, whose tools are served too. */
  static async for(config: Config, more: Modules = []): Promise<DynamicModule> {
    return {
      module: AppModule,
      imports: [ConfigModule.with(config), HealthModule, ...(await AREAS[config.role](config)), ...more],
      providers: [{ provide: APP_FILTER, useClass: HttpErrorFilter }],
    };
  }
}
