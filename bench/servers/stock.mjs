// @rekog/mcp-nest 2.0.5 with its own HTTP transport, on a Nest controller behind a guard, as its README shows it.
import 'reflect-metadata';

import { Controller, Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { McpHttpControllerFor, McpStrategy, StreamableHttpTransport } from '@rekog/mcp-nest';
import * as mcpNest from '@rekog/mcp-nest';
import { Payload } from '@nestjs/microservices';
import { z } from 'zod';

import { toolController } from './tool-controller.mjs';
import { ECHO, echoInput, echoOutput, tools, zodOf } from './tools.mjs';

const KEY = `Bearer ${process.env.BENCH_KEY}`;

// JSON answers in sessions as well: what the other servers do, and the cheaper of its two ways.
const transport = new StreamableHttpTransport({ statefulMode: true, enableJsonResponse: true });
const strategy = new McpStrategy({ name: 'stock', version: '2.0.5', transports: [transport] });

class KeyGuard {
  canActivate(context) {
    return context.switchToHttp().getRequest().headers.authorization === KEY;
  }
}

class McpHttp extends McpHttpControllerFor(transport) {}
UseGuards(KeyGuard)(McpHttp);
Controller('mcp')(McpHttp);

const Tools = toolController(mcpNest, [
  ...tools.map(({ name, description, annotations, inputSchema, outputSchema }) => ({
    options: {
      name,
      description,
      annotations,
      parameters: zodOf(z, inputSchema),
      outputSchema: zodOf(z, outputSchema),
    },
    payload: Payload(),
    answer: () => ({}),
  })),
  {
    options: { ...ECHO, parameters: echoInput(z), outputSchema: echoOutput(z) },
    payload: Payload(),
    answer: ({ text }) => ({ text }),
  },
]);

class App {}
Module({ controllers: [McpHttp, Tools] })(App);

const app = await NestFactory.create(App, { logger: false });
strategy.setHttpAdapter(app.getHttpAdapter());
app.connectMicroservice({ strategy }, { inheritAppConfig: true });
await app.startAllMicroservices();
await app.listen(0, '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
const { port } = app.getHttpServer().address();
process.stdout.write(`${JSON.stringify({ message: 'ready', endpoint: `http://127.0.0.1:${port}/mcp` })}\n`);
