import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import {
  Controller,
  Get,
  Header,
  Inject,
  Injectable,
  type NestMiddleware,
  NotFoundException,
  Param,
  Query,
  Res,
} from '@nestjs/common';
import type { Request, Response } from 'express';

import { Addresses, CONFIG, type Config, packageVersion, servesConsole } from '../config/index.js';
import { Readiness } from '../health/index.js';
import { isBrowserRequest, REVISIONS, ToolCatalog } from '../mcp/index.js';
import { CARD_TYPE, catalog, IDENTITY, llmsText, serverCard } from './discovery.js';
import { page } from './page.js';

/** Below the MCP endpoint, so that a proxy which passes only that on serves the whole page. */
const ASSETS = 'assets';
const TYPES = {
  'page.css': 'text/css; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const;
type AssetName = keyof typeof TYPES;

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const PAGE_HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': POLICY,
  'Cache-Control': 'no-cache',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  // The same URL answers MCP clients.
  Vary: 'Accept, Authorization',
};
const ENDPOINT_URL = /\/mcp(?:\?|$)/;
const IMMUTABLE = 'public, max-age=31536000, immutable';
const HOUR = 'public, max-age=3600';

/** The files of the page, read when the first is asked for. */
const assets = new Map<AssetName, { readonly body: Buffer; readonly version: string }>();

function asset(name: AssetName): { readonly body: Buffer; readonly version: string } {
  const found = assets.get(name);
  if (found) return found;
  const body = readFileSync(new URL(`./assets/${name}`, import.meta.url));
  const read = { body, version: createHash('sha256').update(body).digest('hex').slice(0, 12) };
  assets.set(name, read);
  return read;
}

/** The page about this server, for people who open its address in a browser. It shows no key and needs none. */
@Injectable()
export class Page {
  constructor(
    private readonly addresses: Addresses,
    private readonly readiness: Readiness,
    private readonly tools: ToolCatalog,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  get endpoint(): string {
    return `${this.addresses.public}/api/v1/mcp`;
  }

  async send(response: Response): Promise<void> {
    const { pathname } = new URL(this.endpoint);
    const urlOf = (name: AssetName): string => `${pathname}/${ASSETS}/${name}?v=${asset(name).version}`;
    const text = page({
      title: IDENTITY.title,
      version: packageVersion,
      endpoint: this.endpoint,
      isPublic: this.config.httpPublicUrl !== undefined,
      problem: await this.readiness.problem(),
      tools: this.tools.listed(),
      console: servesConsole(this.config) ? new URL(`${this.addresses.public}/console`).pathname : undefined,
      style: urlOf('page.css'),
      script: urlOf('page.js'),
      icon: urlOf('icon.svg'),
    });
    response.set(PAGE_HEADERS).send(text);
  }

  llmsText(): string {
    return llmsText(this.endpoint, this.tools.listed());
  }
}

/** Answers a browser at the URL of the endpoint, where other clients speak MCP. */
@Injectable()
export class BrowserPage implements NestMiddleware<Request, Response> {
  constructor(private readonly page: Page) {}

  async use(request: Request, response: Response, next: () => void): Promise<void> {
    // Nest runs it for the paths below, too.
    const isEndpoint = ENDPOINT_URL.test(request.originalUrl);
    if (isEndpoint && isBrowserRequest(request)) await this.page.send(response);
    else next();
  }
}

/** At the root of this host. */
@Controller()
export class HostController {
  constructor(private readonly page: Page) {}

  @Get()
  async root(@Res() response: Response): Promise<void> {
    await this.page.send(response);
  }

  @Get('llms.txt')
  @Header('Content-Type', 'text/plain; charset=utf-8')
  @Header('Cache-Control', HOUR)
  llms(): string {
    return this.page.llmsText();
  }

  @Get('.well-known/mcp/catalog.json')
  @Header('Access-Control-Allow-Origin', '*')
  @Header('Cache-Control', HOUR)
  catalog(): object {
    return catalog(this.page.endpoint);
  }
}

/** Below the endpoint. */
@Controller('mcp')
export class EndpointController {
  constructor(private readonly page: Page) {}

  @Get('server-card')
  @Header('Content-Type', CARD_TYPE)
  @Header('Access-Control-Allow-Origin', '*')
  @Header('Cache-Control', HOUR)
  card(): object {
    return serverCard({ endpoint: this.page.endpoint, revisions: REVISIONS });
  }

  /** @throws {NotFoundException} */
  @Get(`${ASSETS}/:name`)
  file(@Param('name') name: string, @Query('v') wanted: unknown, @Res() response: Response): void {
    if (!isAsset(name)) throw new NotFoundException('This page has no such file. Open the page again.');
    const { body, version } = asset(name);
    response.set({
      'Content-Type': TYPES[name],
      // While replicas are replaced, one may be asked for the file of another's page.
      'Cache-Control': wanted === version ? IMMUTABLE : 'no-cache',
      'X-Content-Type-Options': 'nosniff',
      // An SVG is a document of its own when it is opened.
      'Content-Security-Policy': "default-src 'none'",
    });
    response.send(body);
  }
}

const isAsset = (name: string): name is AssetName => Object.hasOwn(TYPES, name);
