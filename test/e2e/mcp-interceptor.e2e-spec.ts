import {
  BadRequestException,
  type CallHandler,
  ForbiddenException,
  InternalServerErrorException,
  Module,
  type NestInterceptor,
  type Type,
  UseInterceptors,
} from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { McpController, Tool } from '@rekog/mcp-nest';
import { ProtocolError } from '@modelcontextprotocol/server';
import { EMPTY, type Observable, of, throwError } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';

import { advertised, ToolInput } from '../../src/mcp/index.js';
import { ToolResultInterceptor } from '../../src/mcp/tools/index.js';
import { UpstreamError } from '../../src/upstream/index.js';
import { friendlyRuntime } from '../support/every-tool.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import { McpHttp } from '../support/mcp-http.js';
import type { MockRuntime } from '../support/mock-runtime.js';

const rejected = new UpstreamError('rejected', { error_message: 'no' }, { operation: 'look', status: 404 });

/** What a tool does, by name. */
const DEEDS: Readonly<Record<string, () => unknown>> = {
  object: () => ({ some: 'thing' }),
  text: () => 'text',
  nothing: () => undefined,
  result: () => ({ content: [{ type: 'text', text: 'made by the tool' }] }),
  several: () => of({ number: 1 }, { number: 2 }),
  none: () => EMPTY,
  upstream: () => raise(rejected),
  forbidden: () => raise(new ForbiddenException('not you')),
  rules: () => raise(new BadRequestException(['one must be two', 'two must be one'])),
  internal: () => raise(new InternalServerErrorException('secret')),
  rpc: () => raise(new RpcException('not today')),
  rpcObject: () => raise(new RpcException({ status: 'error', message: 'not so' })),
  bug: () => raise(new TypeError('secret')),
  protocol: () => raise(new ProtocolError(-32_602, 'unknown thing')),
  thrownText: () => raise('secret'),
  masked: () => raise({ status: 'error', message: 'Internal server error' }),
  stream: () => throwError(() => rejected),
};

function raise(error: unknown): never {
  throw error;
}

const input = z.object({ deed: z.string().max(20) });

@McpController()
class DeedTools {
  @Tool({ name: 'act', description: 'Does a deed', parameters: advertised(input) })
  act(@ToolInput(input) { deed }: z.infer<typeof input>): unknown {
    return DEEDS[deed]?.();
  }
}

class ForeignInterceptor implements NestInterceptor {
  intercept(_context: unknown, next: CallHandler<unknown>): Observable<unknown> {
    return next.handle();
  }
}

@McpController()
@UseInterceptors(ForeignInterceptor)
class ForeignTools {
  @Tool({ name: 'foreign', description: 'Does nothing' })
  act(): object {
    return {};
  }
}

const moduleOf = (...controllers: Type[]): Type => {
  @Module({ controllers })
  class ToolsModule {}
  return ToolsModule;
};

let runtime: MockRuntime;
let plain: McpApplication;
let intercepted: McpApplication;

beforeAll(async () => {
  runtime = await friendlyRuntime();
  plain = await startMcp(runtime.url, {}, { mount: 'front', modules: [moduleOf(DeedTools)] });
  intercepted = await startMcp(
    runtime.url,
    {},
    { mount: 'front', modules: [moduleOf(DeedTools, ForeignTools)] },
  );
});
afterAll(async () => {
  await intercepted[Symbol.asyncDispose]();
  await plain[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
});

/** The response to a call, without the random reference of an unexpected error. */
async function call({ endpoint }: McpApplication, args: object): Promise<string> {
  const http = new McpHttp({ url: endpoint });
  const text = await (await http.stateless('tools/call', { name: 'act', arguments: args })).text();
  return text.replaceAll(/reference [\w-]+/g, 'reference');
}

describe('with foreign classes around another tool, and without any, a call is answered alike', () => {
  it.each(Object.keys(DEEDS))('when its tool does: %s', async (deed) => {
    const answer = await call(plain, { deed });
    expect(answer).toContain('"jsonrpc":"2.0"');
    expect(await call(intercepted, { deed })).toBe(answer);
  });

  it('by our interceptor only beside the foreign classes', async () => {
    const intercept = vi.spyOn(ToolResultInterceptor.prototype, 'intercept');
    await call(plain, { deed: 'object' });
    expect(intercept).not.toHaveBeenCalled();
    await call(intercepted, { deed: 'object' });
    expect(intercept).toHaveBeenCalledOnce();
  });

  it('when its input is invalid', async () => {
    const answer = await call(plain, { deed: 7, more: true });
    expect(answer).toContain('Invalid input');
    expect(await call(intercepted, { deed: 7, more: true })).toBe(answer);
  });
});
