import { Inject, Injectable } from '@nestjs/common';
import { mergeCapabilities, SERVER_INFO_META_KEY } from '@modelcontextprotocol/server';

import type { McpHttpRequest } from '../auth/index.js';
import type { EncodedResult } from '../calls/index.js';
import { SERVER_INFO, type ServerInfo, STATELESS_REVISION, TASKS_CAPABILITY } from '../protocol/index.js';
import { encodeResult, SdkServers, TaskProviders, ToolRegistry, ToolSources } from '../tools/index.js';

/** Methods whose results say how long a client may cache them; the lists of tools are encoded once. */
const CACHEABLE: ReadonlySet<string> = new Set([
  'prompts/list',
  'resources/list',
  'resources/read',
  'resources/templates/list',
]);

/** A result of any method. */
export interface Result {
  readonly resultType?: unknown;
  readonly _meta?: object | undefined;
}

/** Results of this revision, with their type and the server's identity. */
@Injectable()
export class StatelessResults {
  @Inject(ToolRegistry) private readonly registry!: ToolRegistry;
  private readonly identity: object;
  /** The members at the end of every result, as text. */
  private readonly tail: string;

  constructor(
    @Inject(SERVER_INFO) info: ServerInfo,
    private readonly servers: SdkServers,
    private readonly sources: ToolSources,
    private readonly tasks: TaskProviders,
  ) {
    this.identity = { [SERVER_INFO_META_KEY]: info.implementation };
    this.tail = JSON.stringify({ resultType: 'complete', _meta: this.identity }).slice(1);
  }

  /** The result of server/discover. */
  discovery(request: McpHttpRequest): string {
    const { capabilities } = this.servers;
    return JSON.stringify({
      supportedVersions: [STATELESS_REVISION],
      capabilities: this.tasks.isOffered ? mergeCapabilities(capabilities, TASKS_CAPABILITY) : capabilities,
      instructions: this.registry.instructionsFor(request),
      resultType: 'complete',
      ttlMs: 0,
      cacheScope: 'private',
      _meta: this.identity,
    });
  }

  /** The result of tools/list. */
  toolList(request: McpHttpRequest): EncodedResult | Promise<EncodedResult> {
    return this.sources.encodedList('stateless', request);
  }

  /** The result of a method. */
  of(method: string, result: Result): string {
    const { resultType = 'complete', _meta } = result;
    const isCacheable = CACHEABLE.has(method);
    if (_meta !== undefined || 'resultType' in result || isCacheable) {
      const cache = isCacheable && { ttlMs: 0, cacheScope: 'private' };
      return JSON.stringify({ ...cache, ...result, resultType, _meta: { ...this.identity, ..._meta } });
    }
    return `${encodeResult(result).slice(0, -1)},${this.tail}`;
  }
}
