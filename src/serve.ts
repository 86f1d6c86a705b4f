import type { AddressInfo } from 'node:net';

import type { NestExpressApplication } from '@nestjs/platform-express';

import { createApplication, servesMcp } from './application.js';
import { printWelcome } from './welcome.js';
import { Addresses, type Config } from './config/index.js';
import { Draining } from './health/index.js';
import { drainMcp } from './mcp/index.js';
import { BootstrapKey, LocalAgent } from './runtime/index.js';

/** How long calls in flight may go on after the process was told to end. */
const GRACE_MS = 10_000;

/** Runs a server role until the process is told to end. */
export async function serve(config: Config): Promise<void> {
  const app = await createApplication(config);
  endOnSignal(app, config);
  await app.listen(config.httpPort, config.httpHost);
  const { port } = app.getHttpServer().address() as AddressInfo;
  app.get(Addresses).announce(port);
  if (config.role === 'all') await app.get(LocalAgent).start();
  printWelcome(config, app.get(Addresses), bootstrapKeyOf(app, config));
}

function bootstrapKeyOf(app: NestExpressApplication, { role }: Config): string | undefined {
  return role === 'mcp' ? undefined : app.get(BootstrapKey).key;
}

/** The first signal ends in order, the second at once. */
function endOnSignal(app: NestExpressApplication, config: Config): void {
  const end = async (): Promise<void> => {
    process.once('SIGINT', () => process.exit(130));
    app.get(Draining).begin();
    if (servesMcp(config)) await drainMcp(app, GRACE_MS);
    await app.close();
    process.exit(0);
  };
  let ending: Promise<void> | undefined;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => (ending ??= end()));
  }
}
