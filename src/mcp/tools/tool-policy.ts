import { Inject, Injectable, Logger } from '@nestjs/common';
import type { ToolMetadata } from '@rekog/mcp-nest';

import { CONFIG, type Config, SettingError } from '../../config/index.js';
import type { McpHttpRequest } from '../auth/index.js';
import { nearest } from './nearest.js';

/** What the policy looks at in a tool. */
interface JudgedTool {
  readonly name: string;
  readonly metadata: Pick<ToolMetadata, 'annotations'>;
}

type KeyOwner = Pick<McpHttpRequest, 'auth'>;

/** A tool that every connection with its toolset can have. */
interface DeclaredTool extends JudgedTool {
  readonly toolset: string | undefined;
}

/** The tools of the keys that begin with a text. */
interface KeyRule {
  readonly prefix: string;
  readonly pattern: string;
}

const STAR = '*';
const TOOLS = 'CYBERUN_MCP_TOOLS';
const KEY_TOOLS = 'CYBERUN_MCP_KEY_TOOLS';

/**
 * Which tools an operator lets clients use, beyond what the runtime permits: of the deployment and of each key. A tool
 * that is not allowed does not exist for its client.
 */
@Injectable()
export class ToolPolicy {
  private readonly logger = new Logger('Tools');
  private readonly isReadOnly: boolean;
  private readonly patterns: readonly string[];
  private readonly keyRules: readonly KeyRule[];
  /** Nearly every deployment has none, and then no call pays for it. */
  private readonly isEmpty: boolean;

  constructor(@Inject(CONFIG) { mcpReadOnly, mcpTools, mcpKeyTools }: Config) {
    this.isReadOnly = mcpReadOnly;
    this.patterns = mcpTools;
    this.keyRules = mcpKeyTools.map(ruleIn);
    this.isEmpty = !mcpReadOnly && mcpTools.length + mcpKeyTools.length === 0;
  }

  /** Whether a client with this key may see and call a tool. */
  allows(tool: JudgedTool, viewer: KeyOwner): boolean {
    return this.isEmpty || this.refusal(tool, viewer) === undefined;
  }

  /** Why a client has not a tool, as part of a sentence; `undefined` when it has. */
  refusal(tool: JudgedTool, viewer: KeyOwner): string | undefined {
    const refusal = this.refusalForAll(tool);
    if (refusal !== undefined) return refusal;
    const { name } = tool;
    const rules = this.rulesFor(viewer);
    const isAllowed = rules.length === 0 || rules.some(({ pattern }) => fits(pattern, name));
    return isAllowed ? undefined : 'the operator of this server does not offer it to this key';
  }

  /** Why no client has a tool; `undefined` when some have. */
  refusalForAll(tool: JudgedTool): string | undefined {
    if (this.isReadOnly && !isReading(tool)) return 'this server is read-only, and the tool is not';
    return this.patterns.length > 0 && !fitsOneOf(this.patterns, tool.name)
      ? 'the operator of this server does not offer it'
      : undefined;
  }

  /** The same text for keys with the same tools, as far as the policy decides; empty for keys without rules. */
  groupOf(viewer: KeyOwner): string {
    if (this.keyRules.length === 0) return '';
    return this.rulesFor(viewer)
      .map(({ pattern }) => pattern)
      .join(' ');
  }

  /**
   * Checks the names in the settings once all tools are there.
   *
   * @param mayBeMore whether there can be tools of single keys, whose names are not known yet.
   * @throws {SettingError} for a name that is no tool, or a tool that no client could have.
   */
  requireKnown(
    tools: readonly DeclaredTool[],
    { mayBeMore, allowsToolset }: { mayBeMore: boolean; allowsToolset: (name: string) => boolean },
  ): void {
    const named = [
      ...this.patterns.map((pattern) => [TOOLS, pattern] as const),
      ...this.keyRules.map(({ pattern }) => [KEY_TOOLS, pattern] as const),
    ];
    for (const [setting, pattern] of named) {
      const found = tools.filter(({ name }) => fits(pattern, name));
      const what = `${setting} names "${pattern}"`;
      if (found.length === 0) this.missing(what, pattern, { tools, mayBeMore });
      const [tool] = pattern.endsWith(STAR) ? [] : found;
      if (!tool) continue;
      if (this.isReadOnly && !isReading(tool))
        throw new SettingError(
          `${what}, which is not a read-only tool, but CYBERUN_MCP_READ_ONLY is true. Leave one of them out.`,
        );
      if (tool.toolset !== undefined && !allowsToolset(tool.toolset))
        throw new SettingError(
          `${what} of the toolset "${tool.toolset}", which CYBERUN_MCP_TOOLSETS does not allow. Add the toolset there, or leave the tool out.`,
        );
    }
  }

  /** A beginning may be that of tools which a module registers later. */
  private missing(
    what: string,
    pattern: string,
    { tools, mayBeMore }: { tools: readonly JudgedTool[]; mayBeMore: boolean },
  ): void {
    const names = tools.map(({ name }) => name);
    if (pattern.endsWith(STAR) || mayBeMore) {
      this.logger.warn(`${what}, which fits no tool that this server has now.`);
      return;
    }
    const [meant] = nearest(pattern, names);
    const advice =
      meant === undefined ? `There are: ${names.toSorted().join(', ')}.` : `Did you mean ${meant}?`;
    throw new SettingError(`${what}, which is no tool of this server. ${advice}`);
  }

  private rulesFor({ auth }: KeyOwner): readonly KeyRule[] {
    return this.keyRules.filter(({ prefix }) => auth.token.startsWith(prefix));
  }
}

function ruleIn(text: string): KeyRule {
  const at = text.indexOf('=');
  return { prefix: text.slice(0, at), pattern: text.slice(at + 1) };
}

/** A tool without the hint may change something. */
export const isReading = ({ metadata }: JudgedTool): boolean => metadata.annotations?.readOnlyHint === true;

const fitsOneOf = (patterns: readonly string[], name: string): boolean =>
  patterns.some((pattern) => fits(pattern, name));

const fits = (pattern: string, name: string): boolean =>
  pattern.endsWith(STAR) ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
