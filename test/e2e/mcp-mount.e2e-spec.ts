import { once } from 'node:events';
import { request as httpRequest } from 'node:http';

import { VersioningType } from '@nestjs/common';
import type { ExpressAdapter, NestExpressApplication } from '@nestjs/platform-express';
import { beforeEach, describe, expect, it } from 'vitest';

import {
  BESIDE_THE_PATH,
  Bystander,
  bystandingFunction,
  BystandingFilter,
  ON_THE_PATH,
  seen,
} from '../support/bystanders.js';
import { KEY, McpApp } from '../support/mcp-app.js';
import { startMcp } from '../support/mcp-application.js';
import { McpHttp, rpc } from '../support/mcp-http.js';

const LONG_WAY = 'MCP requests go through Express';

beforeEach(() => {
  seen.length = 0;
});

/** Express signs what passes through it. */
const hasPassedExpress = (response: Response): boolean => response.headers.has('x-powered-by');
const said = (app: McpApp): string[] => app.log.lines.filter((line) => line.includes(LONG_WAY));

describe('without anybody else on its path, the endpoint is in front of Express', () => {
  it.each(['', '?x=1'])('at the path with the query "%s"', async (query) => {
    await using app = await McpApp.start();
    const headers = { Authorization: `Bearer ${KEY}` };
    const response = await fetch(app.url + query, { method: 'PUT', headers });
    expect(response.status).toBe(405);
    expect(hasPassedExpress(response)).toBe(false);
    expect(said(app)).toEqual([]);
  });

  it.each([
    ['/api/v1/mcp/', 405],
    ['/api/v1/MCP', 405],
    ['/api/v1/mcp/more', 404],
    ['/api/v1/mcpx', 404],
    ['/', 404],
  ])('while %s is left to Express, which answers %i', async (path, status) => {
    await using app = await McpApp.start();
    const headers = { Authorization: `Bearer ${KEY}` };
    const response = await fetch(app.origin + path, { method: 'PUT', headers });
    expect(response.status).toBe(status);
    expect(hasPassedExpress(response)).toBe(true);
  });

  it.each(BESIDE_THE_PATH)('although there is a module beside it (%#)', async (module) => {
    await using app = await McpApp.start({ modules: [module] });
    expect(hasPassedExpress(await new McpHttp(app).modern('tools/list'))).toBe(false);
    expect(said(app)).toEqual([]);
  });

  it('in the application that ships', async () => {
    await using app = await startMcp('http://127.0.0.1:9/api/v1');
    expect((await fetch(app.endpoint, { method: 'POST' })).status).toBe(401);
    expect(app.log()).toContain('successfully started');
    expect(app.log()).not.toContain(LONG_WAY);
  });

  it('and waits for a body whose sender wants to hear that it may come', async () => {
    await using app = await McpApp.start();
    const headers = {
      Authorization: `Bearer ${KEY}`,
      'Content-Type': 'application/json',
      Expect: '100-continue',
    };
    const asked = httpRequest(app.url, {
      method: 'POST',
      headers: { ...headers, Accept: 'application/json, text/event-stream' },
    });
    asked.flushHeaders();
    await once(asked, 'continue');
    asked.end(JSON.stringify(rpc('ping')));
    const [answer] = (await once(asked, 'response')) as [{ statusCode: number }];
    expect(answer.statusCode).toBe(400);
  });

  it('and takes no upgrade from those who do', async () => {
    await using app = await McpApp.start();
    app.app.getHttpServer().on('upgrade', (_request: unknown, socket: { end(text: string): void }) => {
      socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
    });
    const asked = httpRequest(app.url, { headers: { Connection: 'Upgrade', Upgrade: 'x' } }).end();
    const [answer] = (await once(asked, 'upgrade')) as [{ statusCode: number }];
    expect(answer.statusCode).toBe(101);
  });
});

/** How one request was answered, and what the log says of the way it took. */
async function asked(app: McpApp): Promise<object> {
  const response = await new McpHttp(app).modern('tools/list');
  return { status: response.status, byExpress: hasPassedExpress(response), lines: said(app) };
}

const longWay = (named: string): object => ({
  status: 200,
  byExpress: true,
  lines: [expect.stringContaining(named)],
});

describe('somebody else on its path is not skipped, and named in the log:', () => {
  it.each(ON_THE_PATH)('$what', async ({ module, named, sees }) => {
    await using app = await McpApp.start({ modules: [module] });
    expect(await asked(app)).toEqual(longWay(` ${named}`));
    expect(seen).toEqual(sees);
  });

  const CALLS: [what: string, named: string, prepare: (app: NestExpressApplication) => void][] = [
    ['useGlobalGuards', 'the global guard Bystander', (app) => app.useGlobalGuards(new Bystander())],
    ['useGlobalInterceptors', 'interceptor Bystander', (app) => app.useGlobalInterceptors(new Bystander())],
    ['useGlobalPipes', 'the global pipe Bystander', (app) => app.useGlobalPipes(new Bystander())],
    ['useGlobalFilters', 'filter BystandingFilter', (app) => app.useGlobalFilters(new BystandingFilter())],
    ['app.use', 'the middleware bystandingFunction', (app) => app.use(bystandingFunction)],
    ['app.use of a path above', 'bystandingFunction', (app) => app.use('/api', bystandingFunction)],
    ['app.use of the path', 'bystandingFunction', (app) => app.use('/api/v1/mcp', bystandingFunction)],
    [
      'app.use without a name',
      'without a name',
      (app) => app.use((_request: unknown, _response: unknown, next: () => void) => next()),
    ],
    ['enableCors', 'the middleware corsMiddleware', (app) => app.enableCors()],
    ['useBodyParser', 'the middleware jsonParser', (app) => app.useBodyParser('json', { type: 'x/y' })],
    ['useSecurityHeaders', 'the middleware', (app) => app.useSecurityHeaders({ xPoweredBy: false })],
    [
      'a listener of the server',
      'listener onRequest',
      (app) => app.getHttpServer().on('request', function onRequest() {}),
    ],
    [
      'a hook of the adapter',
      'without a name',
      (app) => (app.getHttpAdapter() as unknown as ExpressAdapter).setOnResponseHook(() => undefined),
    ],
    ['versions', 'versioning', (app) => app.enableVersioning({ type: VersioningType.HEADER, header: 'x' })],
  ];

  it.each(CALLS)('%s', async (_what, named, prepare) => {
    await using app = await McpApp.start({ prepare });
    expect(await asked(app)).toEqual(longWay(named));
  });

  it('all of them in one line', async () => {
    await using app = await McpApp.start({
      modules: ON_THE_PATH.map(({ module }) => module),
      prepare: (prepared) => prepared.use(bystandingFunction),
    });
    expect(await asked(app)).toEqual(
      longWay('the global guard Bystander, the global guard RequestBystander, the global interceptor'),
    );
  });
});

it('a prefix with a parameter makes it many paths, which Express knows to tell', async () => {
  await using app = await McpApp.start({ prepare: (prepared) => prepared.setGlobalPrefix(':team') });
  const headers = { Authorization: `Bearer ${KEY}` };
  expect((await fetch(`${app.origin}/a/mcp`, { method: 'PUT', headers })).status).toBe(405);
  expect(said(app)).toEqual([expect.stringContaining('not one fixed path')]);
});
