import {
  type INestApplication,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type Type,
} from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost } from '@nestjs/core';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

import type { McpHttpRequest } from '../auth/index.js';
import { otherEnhancers } from './enhancers.js';
import { type Layer, type Road, roadIn } from './express-road.js';
import { Front } from './front.js';
import { otherMiddleware } from './other-middleware.js';

type Listener = (request: IncomingMessage, response: ServerResponse) => void;
type ExpressApplication = Listener & { readonly router: { readonly stack: readonly Layer[] } };

interface Plan {
  readonly app: INestApplication;
  readonly known: ReadonlySet<Type>;
}

/**
 * Answers MCP requests before Express sees them, which is where most of their cost was. Whoever else has a say on the MCP
 * path is never skipped: then the controller serves, and the log says because of whom.
 */
@Injectable()
export class Mount implements OnApplicationBootstrap {
  private readonly logger = new Logger(Mount.name);
  private plan: Plan | undefined;

  constructor(
    private readonly front: Front,
    private readonly config: ApplicationConfig,
    private readonly host: HttpAdapterHost,
  ) {}

  /**
   * Has it put up when everybody has said what should run where.
   *
   * @param known global classes that do nothing on the MCP path.
   */
  prepare(app: INestApplication, known: ReadonlySet<Type>): void {
    this.plan = { app, known };
  }

  onApplicationBootstrap(): void {
    if (!this.plan) return;
    const express = this.host.httpAdapter.getInstance<ExpressApplication>();
    const road = roadIn(express.router.stack);
    const reasons = road ? this.others(this.plan, road, express) : ['a path that is not one fixed path'];
    if (!road || reasons.length > 0) {
      this.logger.log(`MCP requests go through Express and Nest's router because of ${reasons.join(', ')}.`);
      return;
    }
    this.server.off('request', express).on('request', this.inFrontOf(express, road.path));
  }

  private get server(): Server {
    return this.host.httpAdapter.getHttpServer() as Server;
  }

  private others({ app, known }: Plan, road: Road, express: Listener): string[] {
    const listeners = this.server.listeners('request');
    const isObserved = this.host.httpAdapter.getOnRouteTriggered() !== undefined;
    return [
      ...otherEnhancers(this.config, known),
      ...otherMiddleware(road, app),
      ...listeners.filter((each) => each !== express).map(({ name }) => `the request listener ${name}`),
      ...(this.config.getVersioning() ? ['the versioning of routes'] : []),
      ...(isObserved ? ['the listener to routes'] : []),
    ];
  }

  /** Other spellings of the path, which Express takes for the same, are left to Express. */
  private inFrontOf(express: Listener, path: string): Listener {
    const withQuery = `${path}?`;
    return (request, response) => {
      const { url = '' } = request;
      if (url !== path && !url.startsWith(withQuery)) {
        express(request, response);
        return;
      }
      this.front.serve(request as McpHttpRequest, response).catch((error: unknown) => {
        this.logger.error(error);
        response.destroy();
      });
    };
  }
}
