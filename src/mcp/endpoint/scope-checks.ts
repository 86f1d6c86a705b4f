import { Inject, Injectable, Optional } from '@nestjs/common';

import type { McpHttpRequest } from '../auth/index.js';
import { ACCESS_TOKENS, type AccessTokens } from '../oauth/index.js';
import { isRecord, isRequestId, isTaskMethod } from '../protocol/index.js';
import { OtherRequests } from '../resources/index.js';
import { ToolRegistry, ToolSources } from '../tools/index.js';

/**
 * Compares the scopes of an access token with what a request needs, before anything of it runs: only a status of HTTP
 * makes a client ask its user for more.
 */
@Injectable()
export class ScopeChecks {
  constructor(
    private readonly registry: ToolRegistry,
    private readonly sources: ToolSources,
    private readonly others: OtherRequests,
    @Optional() @Inject(ACCESS_TOKENS) private readonly tokens?: AccessTokens,
  ) {}

  /** @throws {JsonRpcHttpError} 403 that names the scopes. */
  async require(request: McpHttpRequest, body: unknown): Promise<void> {
    const { withheld, scopes } = request.auth;
    if (!withheld || !this.tokens) return;
    // Of every form: the SDK serves also messages that are not plain.
    const messages: unknown[] = Array.isArray(body) ? body : [body];
    for (const message of messages.filter(isRecord)) {
      const needed = await this.neededBy(message, request);
      const missing = needed.find((permission) => withheld.has(permission));
      if (missing === undefined) continue;
      const { id } = message;
      throw this.tokens.resource.insufficientScope(missing, new Set(scopes), isRequestId(id) ? id : null);
    }
  }

  private async neededBy(
    message: Record<string, unknown>,
    request: McpHttpRequest,
  ): Promise<readonly string[]> {
    const { method } = message;
    if (typeof method !== 'string') return [];
    const params = isRecord(message['params']) ? message['params'] : {};
    if (method === 'tools/call') {
      const name = String(params['name']);
      const tool = this.registry.find(name) ?? (await this.sources.ofKey(name, request));
      return tool?.permission === undefined ? [] : [tool.permission];
    }
    // Providers of tasks see the key alone, which may do more than the token.
    if (isTaskMethod(method))
      return method === 'tasks/get' ? [] : [...this.registry.permissions(({ tasks }) => tasks !== undefined)];
    return this.others.permissionsFor(method, params);
  }
}
