import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import {
  classifyInboundRequest,
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  LOG_LEVEL_META_KEY,
  PROTOCOL_VERSION_META_KEY,
} from '@modelcontextprotocol/server';
import { LRUCache } from 'lru-cache';

import {
  headerOf,
  invalidParams,
  isPlainList,
  isPlainMessage,
  isRequest,
  jsonOf,
  plainCallOf,
  type RequestMessage,
  STATELESS_REVISION,
} from '../protocol/index.js';
import { OtherRequests } from '../resources/index.js';
import { SdkServers, TaskProviders } from '../tools/index.js';

/** How many envelopes are cached; those of real clients are far shorter than the longest. */
const CAP = 1000;
const LONGEST = 4096;

/** Methods of earlier revisions that 2026-07-28 does not have (SEP-2575): unknown, with any params. */
const REMOVED: ReadonlySet<string> = new Set([
  'initialize',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
]);

/** The member of the params that the header Mcp-Name repeats, by method. */
const NAMED: Readonly<Record<string, string>> = { 'prompts/get': 'name', 'resources/read': 'uri' };

/** Distinguishes requests that our code answers from those that go through the SDK. */
@Injectable()
export class FastPath {
  /**
   * Envelopes found valid. A client sends the same one with every request, so the SDK's validation, which costs more
   * than the rest of a call, runs once.
   */
  private readonly validEnvelopes = new LRUCache<string, true>({ max: CAP });

  constructor(
    private readonly servers: SdkServers,
    private readonly others: OtherRequests,
    private readonly tasks: TaskProviders,
  ) {}

  /** Whether a request is plain and valid, so that it needs none of the SDK's checks. */
  include(headers: IncomingHttpHeaders, body: unknown): body is RequestMessage {
    return (
      isPlainMessage(body) &&
      isRequest(body) &&
      isAddressed(headers, body) &&
      this.isPlain(headers, body) &&
      this.hasValidEnvelope(body)
    );
  }

  /** The error of invalid params in an otherwise valid request, clearer than the SDK's. */
  paramsErrorOf(headers: IncomingHttpHeaders, body: RequestMessage): string | undefined {
    const { method, params } = body;
    if (!isAddressed(headers, body) || !this.hasValidEnvelope(body)) return undefined;
    // The SDK compares the name with its header first.
    const name = params?.['name'];
    if (method === 'tools/call' && typeof name === 'string' && headerOf(headers, 'mcp-name') !== name)
      return undefined;
    return REMOVED.has(body.method) ? undefined : invalidParams(body, this.servers.capabilities);
  }

  private isPlain(headers: IncomingHttpHeaders, message: RequestMessage): boolean {
    switch (message.method) {
      case 'server/discover':
        return true;
      case 'tools/list':
        return isPlainList(message);
      case 'tools/call': {
        // A server that announces logging needs the SDK's own context.
        const name = this.servers.capabilities.logging ? undefined : plainCallOf(message)?.name;
        return name !== undefined && headerOf(headers, 'mcp-name') === name;
      }
      case 'tasks/get':
      case 'tasks/update':
      case 'tasks/cancel':
        return this.tasks.isOffered && headerOf(headers, 'mcp-name') === message.params?.['taskId'];
      default:
        return this.isPlainOther(headers, message);
    }
  }

  private isPlainOther(headers: IncomingHttpHeaders, message: RequestMessage): boolean {
    const { method, params } = message;
    // A server that announces logging needs the SDK's own context.
    if (!this.others.serves(message) || this.servers.capabilities.logging) return false;
    const named = NAMED[method];
    if (named !== undefined && headerOf(headers, 'mcp-name') !== params?.[named]) return false;
    return invalidParams(message, this.servers.capabilities) === undefined;
  }

  private hasValidEnvelope(message: RequestMessage): boolean {
    const meta = message.params?._meta ?? {};
    const envelope = jsonOf([
      meta[PROTOCOL_VERSION_META_KEY],
      meta[CLIENT_CAPABILITIES_META_KEY],
      meta[CLIENT_INFO_META_KEY],
      meta[LOG_LEVEL_META_KEY],
    ]);
    if (envelope === undefined) return false;
    if (this.validEnvelopes.get(envelope)) return true;
    if (classifyInboundRequest({ httpMethod: 'POST', body: message }).kind !== 'modern') return false;
    if (envelope.length <= LONGEST) this.validEnvelopes.set(envelope, true);
    return true;
  }
}

/** Whether the headers that repeat members of the body match it. */
const isAddressed = (headers: IncomingHttpHeaders, { method, params }: RequestMessage): boolean =>
  params?._meta?.[PROTOCOL_VERSION_META_KEY] === STATELESS_REVISION &&
  headerOf(headers, 'mcp-protocol-version') === STATELESS_REVISION &&
  headerOf(headers, 'mcp-method') === method;
