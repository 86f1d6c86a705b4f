import type { INestApplication, Type } from '@nestjs/common';
import type { NestMicroservice } from '@nestjs/microservices';

import { OAUTH_PATHS, refuseOAuth } from '../auth/index.js';
import { InFlightRequests } from '../calls/index.js';
import { recordThrown, ToolResultInterceptor } from '../tools/index.js';
import { CyberunStrategy } from './cyberun.strategy.js';
import { Mount } from './mount.js';
import { hasOtherEnhancers } from './others-around.js';

interface Connecting {
  /** Global guards, interceptors, pipes and filters that do nothing on the MCP path, so that it may go around them. */
  readonly ours?: readonly Type[];
  /** Whether requests are answered in front of Express, where nobody objects, or by the controller in any case. */
  readonly mount?: 'front' | 'controller';
}

/** Joins the tools to the endpoint; before `app.init()` and `app.listen()`. */
export async function connectMcp(
  app: INestApplication,
  { ours = [], mount = 'front' }: Connecting = {},
): Promise<void> {
  const known = new Set<Type>([ToolResultInterceptor, ...ours]);
  app.use(OAUTH_PATHS, refuseOAuth);
  const strategy = app.get(CyberunStrategy, { strict: false });
  // With the application's own guards, interceptors, pipes and filters around every tool.
  const options = { inheritAppConfig: true, deferInitialization: true };
  const tools = app.connectMicroservice({ strategy }, options) as NestMicroservice;
  // Every call would pay for it.
  if (hasOtherEnhancers(app, known)) tools.registerPreRequestHook(recordThrown);
  // What Nest does itself unless it is told to defer it; a hook has to be there before.
  tools.registerListeners();
  tools.setIsInitialized(true);
  tools.setIsInitHookCalled(true);
  await app.startAllMicroservices();
  if (mount === 'front') app.get(Mount, { strict: false }).prepare(app, known);
}

/** Turns new requests away with 503, ends the streams, and gives calls in flight some time to finish. */
export async function drainMcp(app: INestApplication, graceMs: number): Promise<void> {
  await app.get(InFlightRequests, { strict: false }).drain(graceMs);
}
