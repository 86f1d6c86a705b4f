import type { IncomingMessage } from 'node:http';
import type { AuthInfo } from '@modelcontextprotocol/server';
import type { ExecutionContext } from '@nestjs/common';
import { McpContext } from '@rekog/mcp-nest';

interface KeyInfo extends AuthInfo {
  /** The key for calls to the runtime; an access token is not kept. */
  readonly token: string;
  /** Hash of the key, or the user and the client behind an access token, which sessions are bound to. */
  readonly keyHash: string;
  /** Hash of the key for calls to the runtime: what one may see there, all users of that key may. */
  readonly runtimeKeyHash: string;
  /** What rates and quotas count for: hash of the key, or the user behind an access token with all clients. */
  readonly owner: string;
  /** Of the key; unknown where the runtime does not tell them. */
  permissions: ReadonlySet<string> | undefined;
  /** Permissions of the key that the scopes of the access token do not give. */
  readonly withheld?: ReadonlySet<string> | undefined;
}

/** Whether a request may do what needs a permission, as far as that is known here. */
export const isAllowed = (
  { permissions, withheld }: Pick<KeyInfo, 'permissions' | 'withheld'>,
  permission: string,
): boolean => !withheld?.has(permission) && (!permissions || permissions.has(permission));

/** A request that came with a key. */
export type McpHttpRequest = IncomingMessage & {
  auth: KeyInfo;
  /** The toolsets of its connection, in order and separated by commas; absent for none. */
  toolsets?: string;
  /** When its body had been read, where requests are measured. */
  receivedAt?: number;
};

/** The request behind a call of a tool, a resource, a prompt or a completion; `undefined` for anything else in Nest. */
export function mcpRequestOf(context: ExecutionContext): McpHttpRequest | undefined {
  const call: unknown = context.getType() === 'rpc' ? context.switchToRpc().getContext() : undefined;
  return call instanceof McpContext ? (call.getRawRequest() as McpHttpRequest) : undefined;
}
