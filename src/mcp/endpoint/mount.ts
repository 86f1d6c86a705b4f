import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Injectable, Logger, type OnApplicationBootstrap, type Type } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost } from '@nestjs/core';

import { inPlainRequestScope } from '../../http/index.js';
import { BearerGuard, type McpHttpRequest } from '../auth/index.js';
import { HttpChecksMiddleware, JsonRpcErrorFilter } from '../http/index.js';
import { isBrowserRequest } from './browser-requests.js';
import { globalEnhancers } from './enhancers.js';
import { MCP_ROUTE } from './mcp.controller.js';
import { RequestRouter } from './request-router.js';

/** Runs the same steps as the controller, in the same order, without Express and Nest's router in between. */
@Injectable()
export class Front {
  constructor(
    private readonly edge: HttpChecksMiddleware,
    private readonly guard: BearerGuard,
    private readonly filter: JsonRpcErrorFilter,
    private readonly router: RequestRouter,
  ) {}

  async serve(request: McpHttpRequest, response: ServerResponse): Promise<void> {
    try {
      if (!this.edge.admits(request, response)) return;
      const admitted = this.guard.admit(request);
      if (admitted !== true) await admitted;
      await this.router.serve(request, response);
    } catch (error) {
      this.filter.answer(error, response);
    }
  }
}

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/** Characters with which a prefix matches more than one path. */
const PATTERN = /[:*{}()[\]?+!\\]/;

/**
 * Answers MCP requests before Express sees them, which saves most of their cost. Nothing of Nest's HTTP pipeline runs
 * for them, so an application chooses it, and the start fails where a global class would be skipped.
 */
@Injectable()
export class Mount implements OnApplicationBootstrap {
  private readonly logger = new Logger(Mount.name);
  private known: ReadonlySet<Type> | undefined;

  constructor(
    private readonly front: Front,
    private readonly config: ApplicationConfig,
    private readonly host: HttpAdapterHost,
  ) {}

  /**
   * Mounts the endpoint in front once the application is complete.
   *
   * @param known global classes that do nothing on the MCP path.
   */
  useFront(known: ReadonlySet<Type>): void {
    this.known = known;
  }

  /** @throws when something in the application would not run, or the path is not fixed. */
  onApplicationBootstrap(): void {
    if (!this.known) return;
    const obstacles = this.obstacles(this.known);
    if (obstacles.length > 0) {
      throw new Error(
        `MCP requests are answered in front of Express (mount: 'front'), which does not go together with ${obstacles.join(', ')}. Remove it, or choose mount: 'controller'.`,
      );
    }
    const express = this.host.httpAdapter.getInstance<Listener>();
    const server = this.host.httpAdapter.getHttpServer() as Server;
    server.off('request', express).on('request', this.inFrontOf(express));
  }

  private obstacles(known: ReadonlySet<Type>): string[] {
    return [
      ...globalEnhancers(this.config, known),
      ...(this.config.getVersioning() ? ['the versioning of routes'] : []),
      ...(PATTERN.test(this.config.getGlobalPrefix()) ? ['a pattern in the global prefix'] : []),
    ];
  }

  /** Express handles every other path, other spellings of this one, and browsers. */
  private inFrontOf(express: Listener): Listener {
    const path = `/${[this.config.getGlobalPrefix(), MCP_ROUTE].join('/')}`.replaceAll(/\/+/g, '/');
    const withQuery = `${path}?`;
    return (request, response) => {
      const { url = '' } = request;
      if ((url !== path && !url.startsWith(withQuery)) || isBrowserRequest(request)) {
        express(request, response);
        return;
      }
      const serve = (): Promise<void> => this.front.serve(request as McpHttpRequest, response);
      inPlainRequestScope(request, response, serve).catch((error: unknown) => {
        this.logger.error(error);
        response.destroy();
      });
    };
  }
}
