// fastmcp as its README shows it, with sessions and JSON answers. It does not speak 2026-07-28.
import { FastMCP } from 'fastmcp';
import { z } from 'zod';

import { freePort } from '../../scripts/free-port.mjs';
import { ECHO, echoInput, echoOutput, tools, zodOf } from './tools.mjs';

const KEY = `Bearer ${process.env.BENCH_KEY}`;
const silent = Object.fromEntries(
  ['debug', 'error', 'info', 'log', 'warn'].map((level) => [level, () => {}]),
);

const server = new FastMCP({
  name: 'fastmcp',
  version: '4.20.16',
  logger: silent,
  authenticate: async (request) => {
    if (request.headers.authorization !== KEY) throw new Response(null, { status: 401 });
    return {};
  },
});
for (const { name, description, annotations, inputSchema, outputSchema } of tools) {
  server.addTool({
    name,
    description,
    annotations,
    parameters: zodOf(z, inputSchema),
    outputSchema: zodOf(z, outputSchema),
    execute: async () => ({}),
  });
}
server.addTool({
  ...ECHO,
  parameters: echoInput(z),
  outputSchema: echoOutput(z),
  execute: async ({ text }) => ({ text }),
});

const port = await freePort();
await server.start({
  transportType: 'httpStream',
  httpStream: { port, host: '127.0.0.1', endpoint: '/mcp', enableJsonResponse: true },
});
process.once('SIGTERM', () => process.exit(0));
process.stdout.write(`${JSON.stringify({ message: 'ready', endpoint: `http://127.0.0.1:${port}/mcp` })}\n`);
