import type { AddressInfo } from 'node:net';

import type { Type } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';

import { Addresses, ConfigModule, type Limits, readConfig } from '../../src/config/index.js';
import { limitConnections } from '../../src/http/index.js';
import {
  connectMcp,
  drainMcp,
  McpModule,
  type McpMount,
  SERVER_INFO,
  type ServerInfo,
  serverInfo,
} from '../../src/mcp/index.js';
import { CyberunStrategy } from '../../src/mcp/endpoint/index.js';
import { InFlightRequests } from '../../src/mcp/calls/index.js';
import { type Caller, UpstreamClient, type KeyValidation } from '../../src/upstream/index.js';
import { LogBook } from './log-book.js';
import { OddTools, SampleTools } from './sample-tools.js';

/** A key that every fake runtime accepts. */
export const KEY = 'sk-test-0123456789abcdef';

/** Stands in for the Runtime API: validates keys, and records which. */
export class FakeRuntime {
  readonly validatedKeys: string[] = [];
  validate: (key: string) => KeyValidation | Promise<KeyValidation> = () => ({ isValid: true });

  private readonly refusalListeners = new Set<(key: string) => void>();

  onRefusedKey(listener: (key: string) => void): void {
    this.refusalListeners.add(listener);
  }

  /** As the client does when the runtime answers 401. */
  refuse(key: string): void {
    for (const listener of this.refusalListeners) listener(key);
  }

  async validateKey({ key }: Caller): Promise<KeyValidation> {
    this.validatedKeys.push(key);
    return await this.validate(key);
  }
}

/** The mount under test; the project `controller` runs the specs of the endpoint once more. */
export const MOUNT = process.env['MCP_MOUNT'] === 'controller' ? 'controller' : 'front';

interface Options {
  readonly environment?: Record<string, string>;
  /** In place of the usual ones. */
  readonly limits?: Partial<Limits>;
  /** Beside the sample tools. */
  readonly modules?: readonly Type[];
  /** More tools. */
  readonly controllers?: readonly Type[];
  readonly runtime?: FakeRuntime;
  /** What the server says of itself, beyond the usual. */
  readonly capabilities?: ServerInfo['capabilities'];
  /** Only the tools the SDK's server has too, or all of them. */
  readonly tools?: 'plain' | 'all';
  /** In place of a free one. */
  readonly port?: number;
  /** In place of {@link MOUNT}. */
  readonly mount?: McpMount;
  /** Called before it starts, for what an operator would register on it. */
  readonly prepare?: (app: NestExpressApplication) => void;
}

/** The MCP endpoint with the sample tools, listening on a free port; the runtime behind it is not real. */
export class McpApp implements AsyncDisposable {
  private constructor(
    readonly app: NestExpressApplication,
    readonly runtime: FakeRuntime,
    /** Everything that was logged. */
    readonly log: LogBook,
    readonly origin: string,
  ) {}

  static async start({
    environment = {},
    limits = {},
    modules = [],
    controllers = [],
    runtime = new FakeRuntime(),
    tools = 'all',
    capabilities = {},
    port: wanted = 0,
    mount = MOUNT,
    prepare = () => undefined,
  }: Options = {}): Promise<McpApp> {
    const usual = readConfig('mcp', { CYBERUN_RUNTIME_URL: 'http://127.0.0.1:9/api/v1', ...environment });
    const config = { ...usual, limits: { ...usual.limits, ...limits } };
    const built = await Test.createTestingModule({
      imports: [ConfigModule.with(config), McpModule, ...modules],
      controllers: [SampleTools, ...(tools === 'plain' ? [] : [OddTools]), ...controllers],
    })
      .overrideProvider(UpstreamClient)
      .useValue(runtime)
      .overrideProvider(SERVER_INFO)
      .useValue({ ...serverInfo, capabilities: { ...serverInfo.capabilities, ...capabilities } })
      .compile();
    const log = new LogBook();
    const app = built.createNestApplication<NestExpressApplication>({ bodyParser: false, logger: log });
    app.setGlobalPrefix('api/v1');
    limitConnections(app.getHttpServer(), config.limits, { jsonRpc: true, rest: false });
    prepare(app);
    await connectMcp(app, { mount });
    await app.listen(wanted, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    await app.get(Addresses, { strict: false }).announce(port);
    return new McpApp(app, runtime, log, `http://127.0.0.1:${port}`);
  }

  get url(): string {
    return `${this.origin}/api/v1/mcp`;
  }

  /** The sample tools, to see what reached them. */
  get tools(): SampleTools {
    return this.app.get(SampleTools, { strict: false });
  }

  /** The tools that wait, to see when they begin and stop. */
  get odd(): OddTools {
    return this.app.get(OddTools, { strict: false });
  }

  /** To register tools while the server runs. */
  get strategy(): CyberunStrategy {
    return this.app.get(CyberunStrategy, { strict: false });
  }

  /** Standalone streams and subscriptions that are open. */
  get openStreams(): number {
    return this.app.get(InFlightRequests, { strict: false }).streamCount;
  }

  drain(graceMs: number): Promise<void> {
    return drainMcp(this.app, graceMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app.close();
  }
}
