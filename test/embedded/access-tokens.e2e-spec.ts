import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { CONFIG, type Config } from '../../src/config/index.js';
import { openKeyAdministration } from '../../src/runtime/index.js';
import { echoWorkflow, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { AuthorizationServer } from '../support/authorization-server.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import { McpHttp, resultOf, type ToolResult } from '../support/mcp-http.js';

const folder = mkdtempSync(join(tmpdir(), 'access-tokens-'));
let server: RuntimeServer;
let issuer: AuthorizationServer;
let application: McpApplication;
let runner: { readonly id: string; readonly raw_key: string };

const administration = () => openKeyAdministration(server.app.get<Config>(CONFIG, { strict: false }));

beforeAll(async () => {
  server = await RuntimeServer.start({ 'echo.yaml': echoWorkflow('echo') });
  issuer = await AuthorizationServer.start();
  await using keys = await administration();
  runner = await keys.create({ kind: 'integration', display_name: 'runner' });
  const reader = await keys.create({ kind: 'integration', display_name: 'reader', permissions: [] });
  writeFileSync(join(folder, 'runner.key'), runner.raw_key);
  writeFileSync(join(folder, 'reader.key'), reader.raw_key);
  const rules = [{ when: { scope: 'cyberun.run' }, key_file: 'runner.key' }, { key_file: 'reader.key' }];
  const content = { scopes: { access: 'cyberun' }, issuers: [{ issuer: issuer.issuer, keys: rules }] };
  writeFileSync(join(folder, 'oauth.yaml'), stringify(content));
  application = await startMcp(`${server.origin}/api/v1`, { CYBERUN_OAUTH_FILE: join(folder, 'oauth.yaml') });
});
afterAll(async () => {
  await application[Symbol.asyncDispose]();
  await issuer[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const tokenWith = (scope: string): Promise<string> =>
  issuer.token(application.endpoint, { claims: { scope } });

async function run(key: string): Promise<ToolResult> {
  const http = new McpHttp({ url: application.endpoint }, key);
  const args = { workflow_slug: 'echo', body: { parameters: { text: 'hi' } } };
  return resultOf(await http.stateless('tools/call', { name: 'run_workflow_by_slug', arguments: args }));
}

it('an access token may do at the runtime what the key may that its scopes choose', async () => {
  const { structuredContent: task } = await run(await tokenWith('cyberun cyberun.run'));
  expect((await server.get(`/r/tasks/${String(task['task_id'])}`)).status).toBe(200);
  const refused = await run(await tokenWith('cyberun'));
  expect(refused).toMatchObject({
    isError: true,
    structuredContent: { error_message: expect.stringContaining('lacks the permission "run"') },
  });
});

it('the Runtime API takes no access token', async () => {
  const { status } = await server.get('/r/workflows', await tokenWith('cyberun cyberun.run'));
  expect(status).toBe(401);
});

it('tokens get 503 once the key that stands for them is revoked, and neither is in the log', async () => {
  const token = await tokenWith('cyberun cyberun.run');
  await run(token);
  await using keys = await administration();
  await keys.revoke(runner.id);
  expect(await run(token)).toMatchObject({ isError: true });
  const http = new McpHttp({ url: application.endpoint }, token);
  expect((await http.stateless('tools/list')).status).toBe(503);
  expect(application.log()).toContain('The runtime refuses an integration key');
  expect(application.log()).not.toContain(runner.raw_key);
  expect(application.log()).not.toContain(token);
});
