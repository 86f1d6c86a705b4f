import type { IncomingMessage } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import type { RequestId } from '@modelcontextprotocol/server';

import { CONFIG, type Config } from '../../config/index.js';
import { CODE, headerOf, JsonRpcHttpError } from '../protocol/index.js';

const TOOLSET = 'cyberun:toolset';

/**
 * Puts the tools of a class into a toolset, which a connection must choose and a deployment allow. Tools without one are
 * in every connection.
 */
export const Toolset =
  (name: string): ClassDecorator =>
  ({ prototype }) => {
    for (const { value } of Object.values(Object.getOwnPropertyDescriptors(prototype))) {
      if (typeof value === 'function') Reflect.defineMetadata(TOOLSET, name, value as object);
    }
  };

/** The toolset of the method of a tool. */
export const toolsetOf = (method: object): string | undefined =>
  Reflect.getMetadata(TOOLSET, method) as string | undefined;

/** The header in which a connection names toolsets, as GitHub's MCP server has it. */
export const TOOLSETS_HEADER = 'x-mcp-toolsets';
const PARAMETER = 'toolsets';
/** Every toolset that is allowed, and the tools without one, which are always there. */
const ALL = 'all';
const DEFAULT = 'default';
const LONGEST_NAME = 50;

/** The toolsets of a connection, in order and separated by commas; empty for none. */
type ChosenToolsets = string;

/** What a deployment allows, and what a connection chooses of it. */
@Injectable()
export class Toolsets {
  private readonly allowed: ReadonlySet<string>;
  private readonly declared = new Set<string>();

  constructor(@Inject(CONFIG) { mcpToolsets }: Config) {
    this.allowed = new Set(mcpToolsets);
  }

  /** Makes a name known; a tool of the toolset does so too. */
  declare(name: string): void {
    this.declared.add(name);
  }

  /** @throws when the deployment allows a toolset that does not exist. */
  requireDeclared(): void {
    const unknown = [...this.allowed].filter((name) => !this.declared.has(name));
    if (unknown.length === 0) return;
    const known = [...this.declared].toSorted().join(', ');
    throw new Error(
      `CYBERUN_MCP_TOOLSETS names ${unknown.map((name) => `"${name}"`).join(', ')}, which is no toolset of this server. There are: ${known}.`,
    );
  }

  /** Whether a connection with this choice has a toolset. */
  includes(chosen: ChosenToolsets, name: string): boolean {
    return this.allowed.has(name) && chosen.split(',').includes(name);
  }

  isAllowed(name: string): boolean {
    return this.allowed.has(name);
  }

  /**
   * The toolsets that a request names, in its header or the query of its URL.
   *
   * @throws {JsonRpcHttpError} 400 for a name that is not allowed here.
   */
  chosenBy(
    { headers, url = '' }: Pick<IncomingMessage, 'headers' | 'url'>,
    id: RequestId | null,
  ): ChosenToolsets {
    const named = headerOf(headers, TOOLSETS_HEADER);
    const query = url.indexOf('?');
    if (named === undefined && query === -1) return '';
    const parameters = query === -1 ? [] : new URLSearchParams(url.slice(query)).getAll(PARAMETER);
    const names = [named ?? '', ...parameters].flatMap((list) => list.split(',').map((name) => name.trim()));
    const chosen = new Set(names.flatMap((name) => (name === ALL ? [...this.allowed] : [name])));
    for (const name of ['', DEFAULT]) chosen.delete(name);
    const refused = [...chosen].filter((name) => !this.allowed.has(name));
    if (refused.length > 0) throw this.notAllowed(refused, id);
    return [...chosen].toSorted().join(',');
  }

  private notAllowed(names: readonly string[], id: RequestId | null): JsonRpcHttpError {
    const which = names.map((name) => name.slice(0, LONGEST_NAME)).join(', ');
    const allowed =
      this.allowed.size === 0
        ? 'None is: leave toolsets out, and you get the default tools.'
        : `Allowed: ${[...this.allowed].toSorted().join(', ')}. The default tools are always there.`;
    const message = `Invalid Request: Toolsets that this server does not allow: ${which}. ${allowed}`;
    return new JsonRpcHttpError(400, CODE.invalidParams, message, { id });
  }
}
