import { once } from 'node:events';
import { request as httpRequest } from 'node:http';

import { Controller, Get, Module, VersioningType } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { beforeEach, expect, it } from 'vitest';

import { createApplication } from '../../src/application.js';
import { readConfig } from '../../src/config/index.js';
import { KEY, McpApp } from '../support/mcp-app.js';
import { startMcp } from '../support/mcp-application.js';
import { McpHttp, rpc } from '../support/mcp-http.js';
import {
  GLOBAL_ENHANCERS,
  MiddlewareModule,
  NoOpEnhancer,
  NoOpFilter,
  seen,
} from '../support/no-op-enhancers.js';

beforeEach(() => {
  seen.length = 0;
});

/** Express adds this header to every response. */
const isFromExpress = (response: Response): boolean => response.headers.has('x-powered-by');
const list = (app: McpApp): Promise<Response> => new McpHttp(app).stateless('tools/list');

@Controller('*path')
class WildcardController {
  @Get()
  answer(): string {
    return 'any';
  }
}

@Module({ controllers: [WildcardController] })
class WildcardModule {}

it.each(['', '?x=1'])(
  'an endpoint with mount: \'front\' answers in front of Express at its path with the query "%s"',
  async (query) => {
    await using app = await McpApp.start({ mount: 'front' });
    const headers = { Authorization: `Bearer ${KEY}` };
    const response = await fetch(app.url + query, { method: 'PUT', headers });
    expect(response.status).toBe(405);
    expect(isFromExpress(response)).toBe(false);
  },
);

it.each([
  ['/api/v1/mcp/', 405],
  ['/api/v1/MCP', 405],
  ['/api/v1/mcp/more', 404],
  ['/api/v1/mcpx', 404],
  ['/', 404],
])("an endpoint with mount: 'front' leaves %s to Express, which answers %i", async (path, status) => {
  await using app = await McpApp.start({ mount: 'front' });
  const headers = { Authorization: `Bearer ${KEY}` };
  const response = await fetch(app.origin + path, { method: 'PUT', headers });
  expect(response.status).toBe(status);
  expect(isFromExpress(response)).toBe(true);
});

it("an endpoint with mount: 'front' answers in front of Express beside a controller for every path", async () => {
  await using app = await McpApp.start({ mount: 'front', modules: [WildcardModule] });
  expect(isFromExpress(await list(app))).toBe(false);
});

it("an endpoint with mount: 'front' does not run the middleware of modules, as its documentation says", async () => {
  await using app = await McpApp.start({ mount: 'front', modules: [MiddlewareModule] });
  expect((await list(app)).status).toBe(200);
  expect(seen).toEqual([]);
});

it("an endpoint with mount: 'front' follows a global prefix of the application", async () => {
  const prepare = (app: NestExpressApplication): void => void app.setGlobalPrefix('/a/b/');
  await using app = await McpApp.start({ mount: 'front', prepare });
  const headers = { Authorization: `Bearer ${KEY}` };
  const response = await fetch(`${app.origin}/a/b/mcp`, { method: 'PUT', headers });
  expect(response.status).toBe(405);
  expect(isFromExpress(response)).toBe(false);
});

it("an endpoint with mount: 'front' sends 100 Continue where a client expects it", async () => {
  await using app = await McpApp.start({ mount: 'front' });
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

it("an endpoint with mount: 'front' leaves upgrades to their listeners", async () => {
  await using app = await McpApp.start({ mount: 'front' });
  app.app.getHttpServer().on('upgrade', (_request: unknown, socket: { end(text: string): void }) => {
    socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
  });
  const asked = httpRequest(app.url, { headers: { Connection: 'Upgrade', Upgrade: 'x' } }).end();
  const [answer] = (await once(asked, 'upgrade')) as [{ statusCode: number }];
  expect(answer.statusCode).toBe(101);
});

it.each(GLOBAL_ENHANCERS)(
  "mount: 'front' stops the start with a sentence that names a module with a global class: $what",
  async ({ module, named }) => {
    const start = McpApp.start({ mount: 'front', modules: [module] });
    await expect(start).rejects.toThrow(`${named}. Remove it, or choose mount: 'controller'.`);
  },
);

const CALLS: [what: string, named: string, prepare: (app: NestExpressApplication) => void][] = [
  ['useGlobalGuards', 'the global guard NoOpEnhancer', (app) => app.useGlobalGuards(new NoOpEnhancer())],
  [
    'useGlobalInterceptors',
    'interceptor NoOpEnhancer',
    (app) => app.useGlobalInterceptors(new NoOpEnhancer()),
  ],
  ['useGlobalPipes', 'the global pipe NoOpEnhancer', (app) => app.useGlobalPipes(new NoOpEnhancer())],
  ['useGlobalFilters', 'filter NoOpFilter', (app) => app.useGlobalFilters(new NoOpFilter())],
  ['versions', 'versioning', (app) => app.enableVersioning({ type: VersioningType.HEADER, header: 'x' })],
  ['a prefix with a parameter', 'a pattern in the global prefix', (app) => app.setGlobalPrefix(':team')],
];

it.each(CALLS)(
  "mount: 'front' stops the start with a sentence that names what the application sets: %s",
  async (_what, named, prepare) => {
    await expect(McpApp.start({ mount: 'front', prepare })).rejects.toThrow(named);
  },
);

it("mount: 'front' stops the start with one sentence for all global enhancers", async () => {
  const modules = GLOBAL_ENHANCERS.map(({ module }) => module);
  const start = McpApp.start({ mount: 'front', modules });
  await expect(start).rejects.toThrow(
    'the global guard NoOpEnhancer, the global guard RequestEnhancer, the global interceptor',
  );
});

it.each(GLOBAL_ENHANCERS)(
  "an endpoint with mount: 'controller' runs behind $what",
  async ({ module, sees }) => {
    await using app = await McpApp.start({ mount: 'controller', modules: [module] });
    const response = await list(app);
    expect(response.status).toBe(200);
    expect(isFromExpress(response)).toBe(true);
    expect(seen).toEqual(sees);
  },
);

it("an endpoint with mount: 'controller' runs behind the middleware of modules", async () => {
  await using app = await McpApp.start({ mount: 'controller', modules: [MiddlewareModule] });
  expect((await list(app)).status).toBe(200);
  expect(seen).toEqual(['middleware']);
});

it("an endpoint with mount: 'controller' serves a prefix with a parameter", async () => {
  const prepare = (app: NestExpressApplication): void => void app.setGlobalPrefix(':team');
  await using app = await McpApp.start({ mount: 'controller', prepare });
  const headers = { Authorization: `Bearer ${KEY}` };
  expect((await fetch(`${app.origin}/a/mcp`, { method: 'PUT', headers })).status).toBe(405);
});

it('the application that ships answers in front of Express', async () => {
  await using app = await startMcp('http://127.0.0.1:9/api/v1');
  const response = await fetch(app.endpoint, { method: 'POST' });
  expect(response.status).toBe(401);
  expect(app.log()).toContain('successfully started');
});

const [guarded] = GLOBAL_ENHANCERS.map(({ module }) => module);
const config = readConfig('mcp', { CYBERUN_RUNTIME_URL: 'http://127.0.0.1:9/api/v1' });

it('the application that ships uses the controller with more modules, so that their guards run', async () => {
  const app = await createApplication(config, { modules: guarded ? [guarded] : [] });
  await app.listen(0, '127.0.0.1');
  const response = await fetch(`${await app.getUrl()}/api/v1/mcp`, { method: 'POST' });
  expect(response.status).toBe(401);
  expect(seen).toEqual(['guard']);
  await app.close();
});

it("the application that ships does not start with a global guard and mount: 'front'", async () => {
  const start = createApplication(config, { modules: guarded ? [guarded] : [], mount: 'front' });
  await expect(start).rejects.toThrow('the global guard NoOpEnhancer');
});
