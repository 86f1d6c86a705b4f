import { Inject, Injectable } from '@nestjs/common';
import { SERVER_INFO_META_KEY } from '@modelcontextprotocol/server';
import { ToolAuthorizationService } from '@rekog/mcp-nest';

import { EncodedResult } from '../calls/index.js';
import { type RevisionFamily, SERVER_INFO, type ServerInfo } from '../protocol/index.js';
import type { RegisteredTool } from './registered-tool.js';

type User = Parameters<ToolAuthorizationService['canAccessTool']>[0];

/** The list in the form of each family of revisions. */
type Lists = Readonly<Record<RevisionFamily, EncodedResult>>;

/** Result members of 2026-07-28 for what may be cached: here, nothing. */
const UNCACHED = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' } as const;

/** Every tool there is, and the list of them as the text that is sent. */
@Injectable()
export class ToolRegistry {
  private readonly authorization = new ToolAuthorizationService();
  private readonly tools = new Map<string, RegisteredTool>();
  private lists: Lists | undefined;
  /** Whether there are tools that not everybody may see. */
  private isPersonal = false;

  constructor(@Inject(SERVER_INFO) private readonly info: ServerInfo) {}

  find(name: string): RegisteredTool | undefined {
    return this.tools.get(name);
  }

  put(tool: RegisteredTool): void {
    this.tools.set(tool.name, tool);
    this.changed();
  }

  remove(name: string): void {
    this.tools.delete(name);
    this.changed();
  }

  /** Tools a user may see; all of them, unless a tool asks for scopes or roles. */
  listFor(user: unknown): { tools: object[] } {
    const seen = [...this.tools.values()].filter((tool) =>
      this.authorization.canAccessTool(user as User, tool),
    );
    return { tools: seen.map(({ listing }) => listing) };
  }

  /** @throws {ProtocolError} when the tool asks for scopes or roles the user lacks. */
  authorize(tool: RegisteredTool, user: unknown): void {
    if (asksForMore(tool)) this.authorization.validateToolAccess(user as User, tool);
  }

  /** The result of tools/list as encoded JSON, made once for everybody. */
  encodedList(family: RevisionFamily, user: unknown): EncodedResult {
    if (this.isPersonal) return this.serialised(user)[family];
    return (this.lists ??= this.serialised(undefined))[family];
  }

  private changed(): void {
    this.lists = undefined;
    this.isPersonal = [...this.tools.values()].some(asksForMore);
  }

  private serialised(user: unknown): Lists {
    const list = this.listFor(user);
    const _meta = { [SERVER_INFO_META_KEY]: this.info.implementation };
    return {
      sessions: new EncodedResult(list),
      stateless: new EncodedResult({ ...list, ...UNCACHED, _meta }),
    };
  }
}

const asksForMore = ({ metadata }: RegisteredTool): boolean =>
  (metadata.requiredScopes?.length ?? 0) + (metadata.requiredRoles?.length ?? 0) > 0;
