// Loaded before the product's own command line: adds one Nest module with `echo` and more tools of the product's own
// shape, the way an operator's module would be added. Everything else is the product, unchanged: its transport, guard, pipeline.
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
const { AppModule } = require(join(dist, 'app.module.js'));
const { advertised, ToolInput } = require(join(dist, 'mcp', 'index.js'));

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

const shipped = AppModule.for;
AppModule.for = async (config) => {
  const module = await shipped.call(AppModule, config);
  return { ...module, imports: [...module.imports, BenchModule] };
};
