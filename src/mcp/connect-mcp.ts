import type { INestApplication } from '@nestjs/common';

import { CyberunStrategy } from './transport/cyberun.strategy.js';
import { Traffic } from './transport/traffic.js';

/** Joins the tools to the endpoint; before `app.init()` and `app.listen()`. */
export async function connectMcp(app: INestApplication): Promise<void> {
  const strategy = app.get(CyberunStrategy, { strict: false });
  // With the application's own guards, interceptors, pipes and filters around every tool.
  app.connectMicroservice({ strategy }, { inheritAppConfig: true });
  await app.startAllMicroservices();
}

/** Turns new requests away with 503, ends the streams, and gives calls in flight some time to finish. */
export async function drainMcp(app: INestApplication, graceMs: number): Promise<void> {
  await app.get(Traffic, { strict: false }).drain(graceMs);
}
