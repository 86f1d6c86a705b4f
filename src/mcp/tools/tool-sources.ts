import { Injectable, Logger } from '@nestjs/common';
import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';
import { LRUCache } from 'lru-cache';

import { type Caller, isTemporary, UpstreamError } from '../../upstream/index.js';
import { EncodedResult } from '../calls/index.js';
import type { RevisionFamily } from '../protocol/index.js';
import type { ToolContext } from './tool-context.js';
import { changesTasksOf, isPermitted, type RegisteredTool } from './registered-tool.js';
import { ToolRegistry, type Viewer } from './tool-registry.js';
import { Toolsets } from './toolsets.js';

/** How long tools of a key are taken for current, and how often a change is looked for. */
const FRESH_MS = 5000;
const DEADLINE_MS = 10_000;
const CAP = 1000;

/** A tool of one key, which stands for a call of a registered tool. */
export interface KeyTool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: object;
  /** The registered tool that a call runs, and its arguments. */
  readonly runs: string;
  readonly argumentsOf: (given: object, context: ToolContext) => object;
  /** Advice for a client whose call was lost with its process. */
  readonly whenLost: string;
  /** What it is made of, for messages. */
  readonly origin: string;
}

/** The tools of a toolset that are not the same for every key. */
export interface ToolSource {
  readonly toolset: string;
  /** @throws {UpstreamError} */
  toolsFor(caller: Caller): Promise<readonly KeyTool[]>;
}

/** The tools of a key as they were last. */
interface KnownTools {
  readonly tools: ReadonlyMap<string, RegisteredTool>;
  /** Why a name is no tool, although a tool was to have it. */
  readonly refused: ReadonlyMap<string, string>;
  /** To see whether they have changed. */
  readonly text: string;
  readonly since: number;
}

interface Watched {
  readonly listeners: Set<() => void>;
  readonly timer: NodeJS.Timeout;
}

/** Tools that differ by key, from the sources that modules add. */
@Injectable()
export class ToolSources {
  private readonly logger = new Logger('Tools');
  private readonly sources: ToolSource[] = [];
  private readonly latest = new LRUCache<string, KnownTools>({ max: CAP });
  private readonly pending = new Map<string, Promise<KnownTools>>();
  private readonly watched = new Map<string, Watched>();
  private readonly warned = new Set<string>();

  constructor(
    private readonly registry: ToolRegistry,
    private readonly toolsets: Toolsets,
  ) {}

  add(source: ToolSource): void {
    this.toolsets.declare(source.toolset);
    this.sources.push(source);
  }

  /** Whether some connections may have tools of their key, whose names are not known before. */
  get areAllowed(): boolean {
    return this.sources.some(({ toolset }) => this.toolsets.isAllowed(toolset));
  }

  /** The result of tools/list as encoded JSON; at once, unless there are tools of the key. */
  encodedList(family: RevisionFamily, viewer: Viewer): EncodedResult | Promise<EncodedResult> {
    if (this.of(viewer).length === 0) return this.registry.encodedList(family, viewer);
    return this.listFor(viewer).then(({ tools }) => this.registry.encoded(family, tools));
  }

  /** @throws {ProtocolError} when the tools of the key cannot be listed. */
  async listFor(viewer: Viewer): Promise<{ tools: object[] }> {
    const { tools } = this.registry.listFor(viewer);
    const known = await Promise.all(this.of(viewer).map((source) => this.current(source, viewer)));
    const more = known.flatMap((each) => [...each.tools.values()]);
    const permitted = more.filter(
      (tool) => isPermitted(tool, viewer) && this.registry.isOffered(tool, viewer),
    );
    return { tools: [...tools, ...permitted.map(({ listing }) => listing)] };
  }

  /** @throws {ProtocolError} when the tools of the key cannot be listed, or two were to have this name. */
  async find(name: string, viewer: Viewer): Promise<RegisteredTool | undefined> {
    for (const source of this.of(viewer)) {
      const { tools, refused } = await this.current(source, viewer);
      const reason = refused.get(name);
      if (reason !== undefined) throw new ProtocolError(ProtocolErrorCode.InvalidParams, reason);
      const tool = tools.get(name);
      if (tool && this.registry.isOffered(tool, viewer)) return tool;
    }
    return undefined;
  }

  /**
   * Whether the client has a tool that changes something and answers with tasks of a provider, be it one of its key alone.
   *
   * @throws {ProtocolError} when the tools of the key cannot be listed.
   */
  async mayChangeTasksOf(provider: object, viewer: Viewer): Promise<boolean> {
    if (this.registry.mayChangeTasksOf(provider, viewer)) return true;
    for (const source of this.of(viewer)) {
      const { tools } = await this.current(source, viewer);
      for (const tool of tools.values())
        if (changesTasksOf(tool, provider) && this.registry.isOffered(tool, viewer)) return true;
    }
    return false;
  }

  /** A tool of the key, as far as its tools are known. */
  known(name: string, viewer: Viewer): RegisteredTool | undefined {
    const known = this.of(viewer).map((source) => this.latest.peek(idOf(source, viewer))?.tools.get(name));
    return known.find((tool) => tool !== undefined);
  }

  /** A tool of the key of any toolset that is allowed; `undefined` also while its tools cannot be listed. */
  async ofKey(name: string, viewer: Viewer): Promise<RegisteredTool | undefined> {
    for (const source of this.sources.filter(({ toolset }) => this.toolsets.isAllowed(toolset))) {
      const known = await this.current(source, viewer).catch(() => undefined);
      const tool = known?.tools.get(name);
      if (tool) return tool;
    }
    return undefined;
  }

  /** Calls back when the tools of the key change, until the returned function is called. */
  watch(viewer: Viewer, listener: () => void): () => void {
    const ends = this.of(viewer).map((source) => this.watchOne(source, viewer, listener));
    return () => {
      for (const end of ends) end();
    };
  }

  private of({ toolsets = '' }: Viewer): readonly ToolSource[] {
    if (toolsets === '') return [];
    return this.sources.filter(({ toolset }) => this.toolsets.includes(toolsets, toolset));
  }

  private watchOne(source: ToolSource, viewer: Viewer, listener: () => void): () => void {
    const id = idOf(source, viewer);
    const watched = this.watched.get(id) ?? this.beginWatch(source, viewer);
    watched.listeners.add(listener);
    return () => {
      watched.listeners.delete(listener);
      if (watched.listeners.size > 0 || this.watched.get(id) !== watched) return;
      clearInterval(watched.timer);
      this.watched.delete(id);
    };
  }

  private beginWatch(source: ToolSource, viewer: Viewer): Watched {
    const id = idOf(source, viewer);
    const look = (): void =>
      void this.load(source, viewer).catch((error: unknown) =>
        this.logger.debug({ message: 'a change of tools could not be looked for', error }),
      );
    if (!this.latest.has(id)) look();
    const watched = { listeners: new Set<() => void>(), timer: setInterval(look, FRESH_MS).unref() };
    this.watched.set(id, watched);
    return watched;
  }

  /** What was known before is better than nothing while the runtime is away. */
  private async current(source: ToolSource, viewer: Viewer): Promise<KnownTools> {
    const known = this.latest.get(idOf(source, viewer));
    if (known && Date.now() - known.since < FRESH_MS) return known;
    try {
      return await this.load(source, viewer);
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      if (known && isAway(error)) return known;
      const { error_message } = error.body;
      const message = `The tools of the toolset "${source.toolset}" could not be listed. ${error_message}`;
      throw new ProtocolError(ProtocolErrorCode.InternalError, message);
    }
  }

  private load(source: ToolSource, viewer: Viewer): Promise<KnownTools> {
    const id = idOf(source, viewer);
    const pending = this.pending.get(id);
    if (pending) return pending;
    const caller = { key: viewer.auth.token, signal: AbortSignal.timeout(DEADLINE_MS) };
    const loading = source
      .toolsFor(caller)
      .then((tools) => this.keep(id, this.knownOf(source.toolset, tools)))
      .finally(() => this.pending.delete(id));
    this.pending.set(id, loading);
    return loading;
  }

  private keep(id: string, known: KnownTools): KnownTools {
    const before = this.latest.get(id);
    this.latest.set(id, known);
    if (before && before.text !== known.text)
      for (const listener of this.watched.get(id)?.listeners ?? []) listener();
    return known;
  }

  private knownOf(toolset: string, given: readonly KeyTool[]): KnownTools {
    const tools = new Map<string, RegisteredTool>();
    const refused = new Map<string, string>();
    for (const tool of given) {
      const { name } = tool;
      const owners = given.filter((other) => other.name === name).map(({ origin }) => origin);
      if (this.registry.find(name)) owners.push('another tool of this server');
      if (owners.length === 1) tools.set(name, this.registered(toolset, tool));
      else
        refused.set(
          name,
          this.warn(
            `No tool is made for ${name}, the name of ${owners.toSorted().join(' and ')}. Rename one.`,
          ),
        );
    }
    const text = JSON.stringify([...tools.values()].map(({ listing }) => listing));
    return { tools, refused, text, since: Date.now() };
  }

  private warn(message: string): string {
    if (this.warned.size < CAP && !this.warned.has(message)) {
      this.warned.add(message);
      this.logger.warn(message);
    }
    return message;
  }

  private registered(toolset: string, tool: KeyTool): RegisteredTool {
    const { name, title, description, inputSchema, runs, argumentsOf, whenLost } = tool;
    const target = this.registry.find(runs);
    if (!target) throw new Error(`the tool ${name} runs ${runs}, which is not there`);
    const annotations = { ...target.metadata.annotations, title };
    return {
      ...target,
      name,
      // It may take long, as the one it runs does with such arguments.
      streaming: { whenLost: () => whenLost },
      toolset,
      invoke: (given, context) => target.invoke(argumentsOf(given as object, context), context),
      listing: { ...target.listing, name, title, description, inputSchema, annotations },
    };
  }
}

/** Whether the runtime may answer later. Only the deadline of this file gives a request up here. */
const isAway = (error: UpstreamError): boolean => error.kind === 'cancelled' || isTemporary(error);

/** The runtime decides by the key which tools there are, so all users for whom one key is used share a list. */
const idOf = ({ toolset }: ToolSource, { auth }: Viewer): string => `${toolset} ${auth.runtimeKeyHash}`;
