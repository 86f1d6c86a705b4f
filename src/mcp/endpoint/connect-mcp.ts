import type { INestApplication, Type } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import type { NestMicroservice } from '@nestjs/microservices';

import { InFlightRequests } from '../calls/index.js';
import { ACCESS_TOKENS, type AccessTokens, OAUTH_PATHS, oauthEndpoints } from '../oauth/index.js';
import { recordThrown, ToolRegistry, ToolResultInterceptor, Toolsets, ToolSources } from '../tools/index.js';
import { CyberunStrategy } from './cyberun.strategy.js';
import { hasOtherEnhancers, needsNoInterceptor } from './enhancers.js';
import { Mount } from './mount.js';

/**
 * Where MCP requests are answered: by the controller, like every route of Nest, or in front of Express. The front is
 * faster; middleware does not run there, and global guards, interceptors, pipes and filters stop the start.
 */
export type McpMount = 'front' | 'controller';

interface ConnectOptions {
  /** Global guards, interceptors, pipes and filters of the product that do nothing on the MCP path. */
  readonly ours?: readonly Type[];
  readonly mount?: McpMount;
}

/** Connects the tools to the endpoint; call it before `app.init()` and `app.listen()`. */
export async function connectMcp(
  app: INestApplication,
  { ours = [], mount = 'controller' }: ConnectOptions = {},
): Promise<void> {
  const known = new Set<Type>([ToolResultInterceptor, ...ours]);
  const tokens = app.get<AccessTokens | undefined>(ACCESS_TOKENS, { strict: false });
  app.use(
    OAUTH_PATHS,
    oauthEndpoints(() => tokens?.resource),
  );
  const strategy = app.get(CyberunStrategy, { strict: false });
  const isBare = needsNoInterceptor(app, known);
  // With the application's own guards, interceptors, pipes and filters around every tool.
  const options = { inheritAppConfig: !isBare, deferInitialization: true };
  const tools = app.connectMicroservice({ strategy }, options) as NestMicroservice;
  // An interceptor that changes nothing would still cost a tenth of every call.
  if (isBare) tools.useGlobalFilters(...app.get(ApplicationConfig).getGlobalFilters());
  // Only where it is needed, because every call pays for it.
  if (hasOtherEnhancers(app, known)) tools.registerPreRequestHook(recordThrown);
  // Nest does this itself unless deferred; the hook must be registered before.
  tools.registerListeners();
  tools.setIsInitialized(true);
  tools.setIsInitHookCalled(true);
  await app.startAllMicroservices();
  app.get(Toolsets, { strict: false }).requireDeclared();
  const registry = app.get(ToolRegistry, { strict: false });
  tokens?.watch(registry.permissions());
  registry.requireKnownNames(app.get(ToolSources, { strict: false }).areAllowed);
  if (mount === 'front') app.get(Mount, { strict: false }).useFront(known);
}

/** Rejects new requests with 503, ends the streams, and waits for calls in flight up to the grace period. */
export async function drainMcp(app: INestApplication, graceMs: number): Promise<void> {
  await app.get(InFlightRequests, { strict: false }).drain(graceMs);
}
