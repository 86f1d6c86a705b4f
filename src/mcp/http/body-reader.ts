import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { isJsonContentType } from '@modelcontextprotocol/server';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import { BodyBudget, GrowingBuffer, isSmallBody, type Release } from '../../http/index.js';
import { type Indexed, IndexedSet } from '../calls/index.js';
import { CODE, JsonRpcHttpError } from '../protocol/index.js';

/** The only accepted Content-Encoding: none. */
const IDENTITY = 'identity';

const BYTE_ORDER_MARK = 0xfeff;

/** A parsed body. */
export interface ReadBody {
  readonly json: unknown;
  /** Call it when the body is no longer needed; small bodies have none. */
  readonly release?: Release;
}

/** Reads the bodies of requests, within limits of size, time and memory. */
@Injectable()
export class BodyReader implements OnApplicationShutdown {
  private readonly limit: number;
  private readonly budget: BodyBudget;
  private readonly timeouts: BodyTimeouts;

  constructor(@Inject(CONFIG) { mcpBodyLimitBytes, limits }: Pick<Config, 'mcpBodyLimitBytes' | 'limits'>) {
    this.limit = mcpBodyLimitBytes;
    this.budget = new BodyBudget(Math.max(limits.bodiesBytes, 2 * mcpBodyLimitBytes));
    this.timeouts = new BodyTimeouts(limits.bodyMs);
  }

  /**
   * Reads a body to its end and parses it. The bytes are joined before decoding, so a character may be split between
   * chunks.
   *
   * @throws {JsonRpcHttpError} 415 for another content type or a compressed body, 413 above the limit, 408 when it takes too long, 503 while others take all the memory,
   *   400 for what is not JSON in UTF-8.
   */
  readJson(request: IncomingMessage): Promise<ReadBody> {
    // One promise for all of it: each asynchronous function costs every call another and a turn.
    return new Promise((resolve, reject) => {
      requirePlainJson(request.headers);
      this.read(request, resolve, reject);
    });
  }

  onApplicationShutdown(): void {
    this.timeouts.end();
  }

  private read(
    request: IncomingMessage,
    resolve: (body: ReadBody) => void,
    reject: (error: unknown) => void,
  ): void {
    const { limit, timeouts, budget } = this;
    const announced = Number(request.headers['content-length']);
    if (announced > limit) throw tooLarge(limit);
    const body = new GrowingBuffer(announced || limit);
    let size = 0;
    const waiting = timeouts.start(() => giveUp(tooSlow()));
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > limit) giveUp(tooLarge(limit));
      else if (!budget.append(chunk, body)) giveUp(tooMany());
    };
    const giveUp = (error: JsonRpcHttpError): void => {
      timeouts.stop(waiting);
      // The rest is read and discarded.
      request.off('data', onData);
      budget.discard(body);
      reject(error);
    };
    request.on('data', onData);
    // Not `once`, which wraps every listener: none of these events comes twice.
    request.on('end', () => {
      timeouts.stop(waiting);
      const bytes = body.bytes();
      budget.discard(body);
      try {
        resolve(this.bodyOf(bytes));
      } catch (error) {
        reject(error);
      }
    });
    request.on('close', () => {
      if (!request.readableEnded) giveUp(unreadable());
    });
    request.on('error', () => giveUp(unreadable()));
  }

  /** @throws {JsonRpcHttpError} */
  private bodyOf(bytes: Buffer): ReadBody {
    if (isSmallBody(bytes)) return { json: parsed(bytes) };
    const release = this.budget.reserve(bytes);
    if (!release) throw tooMany();
    try {
      return { json: parsed(bytes), release };
    } catch (error) {
      release();
      throw error;
    }
  }
}

/** @throws {JsonRpcHttpError} 415 */
function requirePlainJson(headers: IncomingHttpHeaders): void {
  const { 'content-type': type, 'content-encoding': encoding = '' } = headers;
  if (!isJsonContentType(type ?? null)) {
    const message = 'Unsupported Media Type: Content-Type must be application/json';
    throw new JsonRpcHttpError(415, CODE.serverError, message);
  }
  if (encoding !== '' && encoding.toLowerCase() !== IDENTITY) {
    const message =
      'Unsupported Media Type: The body must not be compressed. Send it without Content-Encoding';
    throw new JsonRpcHttpError(415, CODE.serverError, message, { headers: { 'Accept-Encoding': IDENTITY } });
  }
}

function parsed(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw unreadable();
  const text = bytes.toString('utf8');
  try {
    return JSON.parse(text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text) as unknown;
  } catch {
    throw unreadable();
  }
}

const unreadable = (): JsonRpcHttpError =>
  new JsonRpcHttpError(400, CODE.parseError, 'Parse error: Invalid JSON');

const CLOSE = { Connection: 'close' };

const tooLarge = (limit: number): JsonRpcHttpError =>
  new JsonRpcHttpError(
    413,
    CODE.serverError,
    `Payload Too Large: Request body must not exceed ${limit} bytes`,
    {
      limit: 'body_size',
      headers: CLOSE,
    },
  );

const tooSlow = (): JsonRpcHttpError =>
  new JsonRpcHttpError(408, CODE.serverError, 'Request Timeout: The request body took too long to arrive', {
    limit: 'body_time',
    headers: CLOSE,
  });

const tooMany = (): JsonRpcHttpError =>
  new JsonRpcHttpError(
    503,
    CODE.serverError,
    'Service Unavailable: The memory budget for large requests is exhausted. Try again in a moment.',
    {
      limit: 'bodies_total',
      headers: { ...CLOSE, 'Retry-After': '1' },
    },
  );

/** Checks per time limit. */
const CHECKS_PER_LIMIT = 10;

interface Pending extends Indexed {
  readonly since: number;
  readonly onTimeout: () => void;
}

/** Times out bodies that arrive too slowly, with one timer for all: a timer each would cost every request. */
class BodyTimeouts {
  private readonly waiting = new IndexedSet<Pending>();
  private readonly clock: NodeJS.Timeout;
  private now = 0;

  constructor(limitMs: number) {
    this.clock = setInterval(() => this.checkAll(), limitMs / CHECKS_PER_LIMIT).unref();
  }

  start(onTimeout: () => void): Pending {
    const waiting = { since: this.now, onTimeout };
    this.waiting.add(waiting);
    return waiting;
  }

  stop(waiting: Pending): void {
    this.waiting.delete(waiting);
  }

  end(): void {
    clearInterval(this.clock);
  }

  private checkAll(): void {
    this.now += 1;
    for (const waiting of this.waiting) {
      if (this.now - waiting.since <= CHECKS_PER_LIMIT) continue;
      this.waiting.delete(waiting);
      waiting.onTimeout();
    }
  }
}
