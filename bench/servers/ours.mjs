// The product with one Nest module more, added as an operator adds one: `echo`, and tools of the product's own shape beyond
// the fifteen. Transport, guard, pipeline and everything else are the product's, unchanged.
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { toolController } from './tool-controller.mjs';
import { ECHO, echoInput, echoOutput, tools, zodOf } from './tools.mjs';

const dist = join(import.meta.dirname, '..', '..', 'dist');
// The product's copies of what both sides have: decorators of another copy would be another framework's.
const require = createRequire(join(dist, 'main.js'));
require('reflect-metadata');
const { Module } = require('@nestjs/common');
const mcpNest = require('@rekog/mcp-nest');
const { z } = require('zod');
const { createApplication } = await import(join(dist, 'application.js'));
const { Addresses, readConfig } = await import(join(dist, 'config', 'index.js'));
const { advertised, ToolInput } = await import(join(dist, 'mcp', 'index.js'));

const SHIPPED = 15;
const tool = ({ inputSchema, outputSchema, ...options }, answer) => ({
  options: { ...options, parameters: advertised(inputSchema), outputSchema: advertised(outputSchema) },
  payload: ToolInput(inputSchema),
  answer,
});

const Tools = toolController(mcpNest, [
  ...tools.slice(SHIPPED).map(({ name, description, annotations, inputSchema, outputSchema }) =>
    tool(
      {
        name,
        description,
        annotations,
        inputSchema: zodOf(z, inputSchema),
        outputSchema: zodOf(z, outputSchema),
      },
      () => ({}),
    ),
  ),
  tool({ ...ECHO, inputSchema: echoInput(z), outputSchema: echoOutput(z) }, ({ text }) => ({ text })),
]);

class BenchModule {}
Module({ controllers: [Tools] })(BenchModule);

const app = await createApplication(readConfig('mcp'), { modules: [BenchModule], mount: 'front' });
await app.listen(0, '127.0.0.1');
const { port } = app.getHttpServer().address();
await app.get(Addresses).announce(port);
process.once('SIGTERM', () => process.exit(0));
process.stdout.write(
  `${JSON.stringify({ message: 'ready', endpoint: `http://127.0.0.1:${port}/api/v1/mcp` })}\n`,
);
