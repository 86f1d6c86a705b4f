import { Module } from '@nestjs/common';
import { McpController, Tool, ToolScopes } from '@rekog/mcp-nest';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { clientSnippets } from '../../src/clients/index.js';
import { html } from '../../src/page/html.js';
import { type ListedTool, toolsAt } from '../contract/surface.js';
import { MarkdownFile } from '../support/documents.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import { MockRuntime } from '../support/mock-runtime.js';

const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
const PUBLIC_URL = 'https://mcp.example.com/cyberun';
const ENDPOINT = `${PUBLIC_URL}/api/v1/mcp`;

let runtime: MockRuntime;
let server: McpApplication;
let tools: readonly ListedTool[];

beforeAll(async () => {
  runtime = await MockRuntime.start();
  server = await startMcp(runtime.url, {
    CYBERUN_HTTP_PUBLIC_URL: PUBLIC_URL,
    CYBERUN_MCP_ALLOWED_HOSTS: '127.0.0.1',
    CYBERUN_MCP_TOOLSETS: 'logs,files',
  });
  tools = await toolsAt(server.endpoint, 'sk-test-0123456789');
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
});

const get = (path: string, headers: Record<string, string> = BROWSER): Promise<Response> =>
  fetch(new URL(path, server.endpoint), { headers });
const textAt = async (path: string): Promise<string> => await (await get(path)).text();
const jsonAt = async (path: string): Promise<unknown> => await (await get(path)).json();

it('a browser gets the same page at the root and at the URL of the endpoint', async () => {
  const root = await get('/');
  expect(root.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(root.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'");
  const text = await root.text();
  expect(text).toContain(`data-endpoint="${ENDPOINT}"`);
  // Role mcp has none.
  expect(text).not.toContain('/console');
  expect(await textAt('/api/v1/mcp')).toBe(text);
  expect(await textAt('/api/v1/mcp?toolsets=logs')).toBe(text);
});

it('the page has no inline script, style or handler', async () => {
  const text = await textAt('/');
  expect(text.match(/<script/g)).toHaveLength(1);
  expect(text).not.toMatch(/<style|\sstyle=|\son\w+=|<script>/);
});

it('the page lists the tools of every connection, and those of the allowed toolsets after them', async () => {
  const listed = [...(await textAt('/')).matchAll(/<dt><code>(\w+)<\/code>/g)].map(([, name = '']) => name);
  expect(listed.slice(0, tools.length).toSorted()).toEqual(tools.map(({ name }) => name).toSorted());
  expect(listed).toContain('get_task_log');
  expect(listed.length).toBeGreaterThan(tools.length);
});

@McpController()
class ScopedTools {
  @ToolScopes(['admin'])
  @Tool({ name: 'list_secrets', description: 'For administrators', annotations: { readOnlyHint: true } })
  list(): object {
    return {};
  }
}

@Module({ controllers: [ScopedTools] })
class ScopedModule {}

it('the page lists no tool that the operator does not offer, or that asks for a scope', async () => {
  const settings = { CYBERUN_MCP_READ_ONLY: 'true' };
  await using readOnly = await startMcp(runtime.url, settings, { modules: [ScopedModule] });
  const text = await (await fetch(new URL('/llms.txt', readOnly.endpoint))).text();
  expect(text).toContain('list_workflows');
  expect(text).not.toContain('run_workflow');
  expect(text).not.toContain('list_secrets');
});

it('clients of MCP are answered at the same URL as before', async () => {
  const stream = await get('/api/v1/mcp', { accept: 'text/event-stream' });
  expect(stream.status).toBe(401);
  const withKey = await get('/api/v1/mcp', { ...BROWSER, authorization: 'Bearer sk-test-0123456789' });
  expect(withKey.headers.get('content-type')).toContain('application/json');
  const posted = await fetch(server.endpoint, { method: 'POST', headers: BROWSER });
  expect(posted.status).toBe(401);
});

it('the files of the page can be kept for a year, since their URLs change with them', async () => {
  const text = await textAt('/');
  const urls = [...text.matchAll(/(?:href|src)="(\/cyberun\/[^"]+)"/g)].map(([, url = '']) => url);
  expect(urls).toHaveLength(4);
  for (const url of urls) {
    // The proxy of the public URL takes its path off.
    const file = await get(url.replace('/cyberun', ''));
    expect(file.status).toBe(200);
    expect(file.headers.get('cache-control')).toContain('immutable');
    expect(file.headers.get('x-content-type-options')).toBe('nosniff');
  }
});

it.each(['', '?v=', '?v=000000000000', '?v=a&v=b'])(
  'a file of the page is not kept when "%s" asks for another version of it',
  async (query) => {
    const file = await get(`/api/v1/mcp/assets/page.css${query}`);
    expect(file.status).toBe(200);
    expect(file.headers.get('cache-control')).toBe('no-cache');
  },
);

it.each(['page.txt', '..%2Fpage.module.js', 'constructor'])('there is no file %s', async (name) => {
  expect((await get(`/api/v1/mcp/assets/${name}`)).status).toBe(404);
});

it('the server card says how to connect', async () => {
  const response = await get('/api/v1/mcp/server-card');
  expect(response.headers.get('content-type')).toContain('application/mcp-server-card+json');
  expect(response.headers.get('access-control-allow-origin')).toBe('*');
  expect(await response.json()).toMatchObject({
    $schema: 'https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json',
    name: expect.stringMatching(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/) as string,
    remotes: [
      {
        type: 'streamable-http',
        url: ENDPOINT,
        supportedProtocolVersions: expect.arrayContaining([
          '2026-07-28',
          '2025-11-25',
          '2025-03-26',
        ]) as string[],
        headers: [{ name: 'Authorization', isSecret: true }],
      },
    ],
  });
});

it('the catalog of the host names the server card', async () => {
  expect(await jsonAt('/.well-known/mcp/catalog.json')).toMatchObject({
    entries: [{ type: 'application/mcp-server-card+json', url: `${ENDPOINT}/server-card` }],
  });
});

it('llms.txt names the endpoint and every tool', async () => {
  const text = await textAt('/llms.txt');
  expect(text).toContain(ENDPOINT);
  for (const { name } of tools) expect(text).toContain(`- ${name}: `);
});

it('the page and the README have the same lines for each client', () => {
  const readme = new MarkdownFile('README.md');
  const snippets = clientSnippets('http://127.0.0.1:8080/api/v1/mcp');
  const shared = snippets.filter(({ title }) => readme.text.includes(`**${title}**`));
  expect(shared).toHaveLength(6);
  for (const { title, language, text } of shared) {
    const written = readme.snippet(language, title);
    if (language === 'json') expect(JSON.parse(written)).toEqual(JSON.parse(text));
    else expect(written.trim()).toBe(text);
  }
});

it('no text becomes a tag or ends an attribute', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const made = html`<p title="${text}">${text}</p>`.text;
      expect(made.match(/[<>"]/g)).toEqual(['<', '"', '"', '>', '<', '>']);
      expect(made.match(/&(?!(amp|lt|gt|quot|#39);)/g)).toBeNull();
    }),
  );
});
