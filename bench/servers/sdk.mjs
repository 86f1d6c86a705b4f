// MCP TypeScript SDK v2 as its documentation shows it: sessions of its Node transport for 2025-era clients, its
// handler for 2026-07-28.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';

import { announce } from './announce.mjs';
import { ECHO, echoInput, echoOutput, tools, zodOf } from './tools.mjs';

const KEY = `Bearer ${process.env.BENCH_KEY}`;

const answer = (value) => ({
  content: [{ type: 'text', text: JSON.stringify(value) }],
  structuredContent: value,
});
const definitions = tools.map(({ name, inputSchema, outputSchema, ...rest }) => [
  name,
  { ...rest, inputSchema: zodOf(z, inputSchema), outputSchema: zodOf(z, outputSchema) },
]);
const echo = [ECHO.name, { ...ECHO, inputSchema: echoInput(z), outputSchema: echoOutput(z) }];

function buildServer() {
  const server = new McpServer({ name: 'sdk', version: '2.4.0' });
  for (const [name, config] of definitions) server.registerTool(name, config, () => answer({}));
  server.registerTool(...echo, ({ text }) => answer({ text }));
  return server;
}

const sessions = new Map();

async function openSession() {
  const transport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    enableJsonResponse: true,
    onsessioninitialized: (id) => void sessions.set(id, transport),
    onsessionclosed: (id) => void sessions.delete(id),
  });
  await buildServer().connect(transport);
  return transport;
}

const modern = toNodeHandler(createMcpHandler(buildServer, { legacy: 'reject' }));

async function serve(request, response) {
  if (request.headers.authorization !== KEY) return response.writeHead(401).end();
  if (request.headers['mcp-protocol-version'] === '2026-07-28') return modern(request, response);
  const transport = sessions.get(request.headers['mcp-session-id']) ?? (await openSession());
  return transport.handleRequest(request, response);
}

announce(createServer((request, response) => void serve(request, response)));
