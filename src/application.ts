import { HttpStatus } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';

import { AppModule, type Modules } from './app.module.js';
import { AuditLog } from './audit/index.js';
import type { Config } from './config/index.js';
import { Readiness } from './health/index.js';
import { closeUnlessRead, inRequestScope, limitConnections } from './http/index.js';
import type { McpMount } from './mcp/index.js';
import type { ExtensionModule } from './modules/index.js';
import { HttpErrorFilter, Logger } from './observability/index.js';

/** Roles that serve the MCP endpoint. */
export const servesMcp = ({ role }: Config): boolean => role === 'all' || role === 'mcp';

interface ApplicationOptions {
  /** Modules of the operator, whose tools are served too. */
  readonly modules?: Modules;
  /** Further ones, whose tools must follow the rules for those of the product. */
  readonly extensions?: readonly ExtensionModule[];
  /** The front unless there are more modules: their authors choose it, because their middleware does not run there. */
  readonly mount?: McpMount;
}

/** Paths of this server that are not below `/api/v1`. */
const OWN_PATHS = ['health/live', 'health/ready', 'console', 'console/*path'];

/** The whole application of a role, initialised and not yet listening. */
export async function createApplication(
  config: Config,
  { modules, extensions = [], mount }: ApplicationOptions = {},
): Promise<NestExpressApplication> {
  const more = [...(modules ?? []), ...extensions.map(({ module }) => module)];
  const app = await NestFactory.create<NestExpressApplication>(
    await AppModule.for(config, more),
    new ExpressAdapter(caseSensitive()),
    { bodyParser: false, logger: new Logger(config), abortOnError: false },
  );
  const formats = { jsonRpc: servesMcp(config), rest: config.role !== 'mcp' };
  limitConnections(app.getHttpServer(), config.limits, formats);
  await watchRequests(app, config);
  // Responses do not name the framework.
  app.disable('x-powered-by');
  const { HOST_PATHS = [] } = servesMcp(config) ? await import('./page/index.js') : {};
  app.setGlobalPrefix('api/v1', { exclude: [...OWN_PATHS, ...HOST_PATHS] });
  if (servesMcp(config)) {
    if (extensions.length > 0) (await import('./modules/index.js')).checkExtensionTools(app, extensions);
    const chosen = mount ?? (modules || extensions.length > 0 ? 'controller' : 'front');
    await (await import('./mcp/index.js')).connectMcp(app, { ours: [HttpErrorFilter], mount: chosen });
  }
  await app.init();
  if (config.role !== 'mcp') await requireDatabase(app);
  // Nest's own 404 covers the prefix only. Clients probe for OAuth documents after a 401.
  app.use(unknownPath);
  return app;
}

/** What every request has around it; the MCP endpoint in front of Express sees to its own. */
async function watchRequests(app: NestExpressApplication, config: Config): Promise<void> {
  app.use((request: Request, response: Response, next: NextFunction) =>
    inRequestScope(request, response, next),
  );
  if (config.role === 'mcp') return;
  const { auditRequests, traceRequests } = await import('./runtime/index.js');
  for (const watch of [traceRequests(config), auditRequests(app.get(AuditLog, { strict: false }))])
    if (watch) app.use(watch);
}

async function requireDatabase(app: NestExpressApplication): Promise<void> {
  const { Database } = await import('./runtime/index.js');
  const database = app.get(Database);
  app
    .get(Readiness)
    .require(async () => ((await database.isReachable()) ? undefined : 'the database cannot be reached'));
}

/**
 * Paths are case-sensitive, as for everything that reads a path after the router. It must be set before Nest gets the
 * application: Express creates its router with the first middleware.
 */
const caseSensitive = (): Express => express().enable('case sensitive routing');

const unknownPath = ({ method, path }: Request, response: Response): void => {
  closeUnlessRead(response);
  response.status(HttpStatus.NOT_FOUND).json({ error_message: `Cannot ${method} ${path}` });
};
