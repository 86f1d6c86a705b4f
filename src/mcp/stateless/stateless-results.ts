import { Inject, Injectable } from '@nestjs/common';
import { type CallToolResult, SERVER_INFO_META_KEY } from '@modelcontextprotocol/server';

import type { EncodedResult } from '../calls/index.js';
import { SERVER_INFO, type ServerInfo, STATELESS_REVISION } from '../protocol/index.js';
import { SdkServers, ToolRegistry } from '../tools/index.js';

/** Results of 2026-07-28, with their type and the server's identity. */
@Injectable()
export class StatelessResults {
  private readonly identity: object;
  /** The members at the end of every result, as text. */
  private readonly tail: string;

  constructor(
    @Inject(SERVER_INFO) private readonly info: ServerInfo,
    private readonly servers: SdkServers,
    private readonly registry: ToolRegistry,
  ) {
    this.identity = { [SERVER_INFO_META_KEY]: info.implementation };
    this.tail = JSON.stringify({ resultType: 'complete', _meta: this.identity }).slice(1);
  }

  /** The result of server/discover. */
  discovery(): string {
    const { instructions } = this.info;
    const { capabilities } = this.servers;
    const found = { supportedVersions: [STATELESS_REVISION], capabilities, instructions };
    return JSON.stringify({
      ...found,
      resultType: 'complete',
      ttlMs: 0,
      cacheScope: 'private',
      _meta: this.identity,
    });
  }

  /** The result of tools/list. */
  toolList(user: unknown): EncodedResult {
    return this.registry.encodedList('stateless', user);
  }

  /** The result of tools/call. */
  ofCall(result: CallToolResult): string {
    const { resultType = 'complete', _meta } = result;
    if (_meta !== undefined || 'resultType' in result) {
      return JSON.stringify({ ...result, resultType, _meta: { ...this.identity, ..._meta } });
    }
    return `${JSON.stringify(result).slice(0, -1)},${this.tail}`;
  }
}
