import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import type { NestExpressApplication } from '@nestjs/platform-express';

import { createApplication, servesMcp } from './application.js';
import { Addresses, bareHost, type Config, isStartedByNpm } from './config/index.js';
import { Draining, HealthThread, Readiness } from './health/index.js';
import { closingOf } from './http/index.js';
import type { ExtensionModule } from './modules/index.js';
import { type MetricsPage, serveMetrics, startTraces, type TraceExport } from './observability/index.js';
import { onParentEnd } from './preflight.js';
import { printWelcome } from './welcome.js';

/** How long requests in flight may go on once no more are accepted. */
const GRACE_MS = 10_000;

/** Runs a server role until SIGTERM or SIGINT. */
export async function serve(config: Config): Promise<void> {
  // The database creates files that all users can read, unless this mask prevents it.
  const umask = process.umask(0o077);
  const metrics = await serveMetrics(config);
  const extensions = await extensionsOf(config);
  const traces = await startTraces(config);
  const [health, app] = await Promise.all([
    HealthThread.start(config),
    createApplication(config, { extensions }),
  ]);
  metrics?.announce();
  traces.announce();
  endOnSignal(app, config, { metrics, traces });
  await app.listen(config.httpPort, bareHost(config.httpHost));
  const { port } = app.getHttpServer().address() as AddressInfo;
  await app.get(Addresses).announce(port);
  await health?.observe({ draining: app.get(Draining), readiness: app.get(Readiness) });
  printWelcome(
    config,
    app.get(Addresses),
    config.role === 'mcp' ? undefined : await startRuntime(app, config, umask),
  );
}

async function extensionsOf(config: Config): Promise<ExtensionModule[]> {
  if (config.modules.length === 0 || !servesMcp(config)) return [];
  return (await import('./modules/index.js')).loadModules(config.modules);
}

/**
 * Starts what needs the address of the runtime; returns the first key if this start created it.
 *
 * @param umask of new files of tasks, the same as under any other agent of this user.
 */
async function startRuntime(
  app: NestExpressApplication,
  { role }: Config,
  umask: number,
): Promise<string | undefined> {
  const { BootstrapKey, LocalAgent } = await import('./runtime/index.js');
  if (role === 'all') await app.get(LocalAgent).start(umask);
  return app.get(BootstrapKey).key;
}

async function drainLocalAgent(app: NestExpressApplication): Promise<void> {
  const { LocalAgent } = await import('./runtime/index.js');
  await app.get(LocalAgent).drain();
}

/** The first signal shuts down gracefully, a second one ends the process at once. */
function endOnSignal(
  app: NestExpressApplication,
  config: Config,
  { metrics, traces }: { readonly metrics: MetricsPage | undefined; readonly traces: TraceExport },
): void {
  const end = async (): Promise<void> => {
    app.get(Draining).begin();
    const closing = closingOf(app.getHttpServer());
    closing.announce();
    const drained = config.role === 'all' ? drainLocalAgent(app) : undefined;
    // Load balancers may still send requests meanwhile; they are served.
    if (config.httpDrainSeconds > 0) await delay(config.httpDrainSeconds * 1000);
    // The local agent still delivers files here.
    if (!drained) closing.stopAccepting();
    const answered = closing.idle(GRACE_MS);
    if (servesMcp(config)) await (await import('./mcp/index.js')).drainMcp(app, GRACE_MS);
    await Promise.all([answered, drained]);
    closing.stopAccepting();
    await app.close();
    await Promise.all([metrics?.end(), traces.end()]);
    process.exit(0);
  };
  if (isStartedByNpm()) {
    onParentEnd(() => {
      if (!app.get(Draining).isUnderWay) void end();
    });
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (app.get(Draining).isUnderWay) process.exit(1);
      void end();
    });
  }
}
