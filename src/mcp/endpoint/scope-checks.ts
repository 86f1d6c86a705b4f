import { Inject, Injectable, Optional } from '@nestjs/common';

import type { McpHttpRequest } from '../auth/index.js';
import { ACCESS_TOKENS, type AccessTokens } from '../oauth/index.js';
import { isRecord, isRequestId, isTaskMethod } from '../protocol/index.js';
import { ToolRegistry, ToolRunner } from '../tools/index.js';

/**
 * Compares the scopes of an access token with what a request needs, before anything of it runs: only a status of HTTP
 * makes a client ask its user for more.
 */
@Injectable()
export class ScopeChecks {
  constructor(
    private readonly tools: ToolRunner,
    private readonly registry: ToolRegistry,
    @Optional() @Inject(ACCESS_TOKENS) private readonly tokens?: AccessTokens,
  ) {}

  /** @throws {JsonRpcHttpError} 403 that names the scopes. */
  require(request: McpHttpRequest, body: unknown): void {
    const { withheld, scopes } = request.auth;
    if (!withheld || !this.tokens) return;
    // Of every form: the SDK serves also messages that are not plain.
    const messages: unknown[] = Array.isArray(body) ? body : [body];
    for (const message of messages.filter(isRecord)) {
      const missing = this.neededBy(message, request).find((permission) => withheld.has(permission));
      if (missing === undefined) continue;
      const { id } = message;
      throw this.tokens.resource.insufficientScope(missing, new Set(scopes), isRequestId(id) ? id : null);
    }
  }

  private neededBy({ method, params }: Record<string, unknown>, request: McpHttpRequest): readonly string[] {
    if (method === 'tools/call') {
      const name = isRecord(params) ? String(params['name']) : '';
      const permission = this.tools.known(name, request)?.permission;
      return permission === undefined ? [] : [permission];
    }
    // Providers of tasks see the key alone, which may do more than the token.
    const changesTask = typeof method === 'string' && isTaskMethod(method) && method !== 'tasks/get';
    return changesTask ? [...this.registry.permissions(({ tasks }) => tasks !== undefined)] : [];
  }
}
