import { isUtf8 } from 'node:buffer';

import {
  applyDecorators,
  BadRequestException,
  type CallHandler,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  PayloadTooLargeException,
  RequestTimeoutException,
  ServiceUnavailableException,
  SetMetadata,
  UnsupportedMediaTypeException,
  UseInterceptors,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request, Response } from 'express';
import type { Observable } from 'rxjs';

import { CONFIG, type Config } from '../../config/index.js';
import { BodyBudget, GrowingBuffer, isSmallBody } from '../../http/index.js';
import { shapeExcess } from './json-shape.js';

/** Enough for an invoked call in base64, and more than the parameters of a run need. */
export const LARGE_BODY = 16 * 1024 * 1024;
/** For bodies with a few short fields. */
export const SMALL_BODY = 64 * 1024;

const BYTE_ORDER_MARK = 0xfeff;

/** Reads the JSON bodies of REST calls, with limits for size, time, memory and nesting. */
@Injectable()
export class JsonBodies {
  private readonly budget: BodyBudget;
  private readonly limitMs: number;

  constructor(@Inject(CONFIG) { limits }: Pick<Config, 'limits'>) {
    this.budget = new BodyBudget(Math.max(limits.restBodiesBytes, 2 * LARGE_BODY));
    this.limitMs = limits.bodyMs;
  }

  /**
   * Reads and parses a body; `{}` when there is none. Its memory is reserved until the response is closed.
   *
   * @throws {HttpException} 415 when it is encoded, 413 above the limit, 408 when it takes too long, 503 while others
   * take all the memory, 400 for what is not JSON in UTF-8 or is nested too deep.
   */
  async read(request: Request, response: Response, limit: number): Promise<unknown> {
    checkEncoding(request, response);
    if (!hasBody(request)) return {};
    const bytes = await this.readBytes(request, response, limit);
    if (bytes.length === 0) return {};
    const excess = shapeExcess(bytes);
    if (excess !== undefined) throw new BadRequestException(excess);
    if (!isSmallBody(bytes)) this.hold(bytes, response);
    return parsed(bytes);
  }

  /** Keeps the room that the parsed body takes until the answer has gone out. */
  private hold(bytes: Buffer, response: Response): void {
    const release = this.budget.reserve(bytes);
    if (!release) throw tooMany(response);
    response.once('close', release);
    if (response.closed) release();
  }

  private readBytes(request: Request, response: Response, limit: number): Promise<Buffer> {
    const announced = Number(request.headers['content-length']);
    if (announced > limit) return Promise.reject(tooLarge(limit));
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const body = new GrowingBuffer(announced || limit);
    let size = 0;
    const give = (): void => {
      clearTimeout(timer);
      resolve(body.bytes());
      this.budget.discard(body);
    };
    // The rest of the body is read and discarded, so that the client receives the response.
    const giveUp = (reason: Error): void => {
      size = Infinity;
      clearTimeout(timer);
      this.budget.discard(body);
      reject(reason);
    };
    const timer = setTimeout(() => giveUp(tooSlow(response)), this.limitMs);
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size === Infinity) return;
      if (size > limit) giveUp(tooLarge(limit));
      else if (!this.budget.append(chunk, body)) giveUp(tooMany(response));
    });
    request.once('end', give);
    request.once('close', () => giveUp(new BadRequestException('The body is incomplete.')));
    request.once('error', () => giveUp(new BadRequestException('The body is incomplete.')));
    return promise;
  }
}

const hasBody = ({ headers }: Request): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** A compressed body may expand a thousandfold. */
function checkEncoding({ headers }: Request, response: Response): void {
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (encoding === '' || encoding === 'identity') return;
  response.setHeader('Accept-Encoding', 'identity');
  throw new UnsupportedMediaTypeException('Send the body as it is: Content-Encoding is not supported here.');
}

function parsed(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new BadRequestException('The body is not valid UTF-8.');
  const text = bytes.toString('utf8');
  try {
    return JSON.parse(text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text) as unknown;
  } catch {
    throw new BadRequestException('The body is not valid JSON.');
  }
}

const tooLarge = (limit: number): Error =>
  new PayloadTooLargeException(`The body is larger than ${limit} bytes.`);

function tooSlow(response: Response): Error {
  response.setHeader('Connection', 'close');
  return new RequestTimeoutException('The body took too long to arrive. Send it again, in one go.');
}

function tooMany(response: Response): Error {
  response.setHeader('Retry-After', '1');
  return new ServiceUnavailableException(
    'Large requests take all the memory there is for them. Try again in a moment.',
  );
}

const BODY_LIMIT = Symbol('BODY_LIMIT');

/** Reads the body after the guards: a request that is not authorised costs only its headers. */
@Injectable()
class JsonBodyInterceptor implements NestInterceptor {
  constructor(
    private readonly bodies: JsonBodies,
    private readonly reflector: Reflector,
  ) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const http = context.switchToHttp();
    const request = http.getRequest<Request>();
    const limit = this.reflector.get<number>(BODY_LIMIT, context.getHandler());
    request.body = await this.bodies.read(request, http.getResponse<Response>(), limit);
    return next.handle();
  }
}

/** The route has a JSON body with this size limit; without this decorator no body is read. */
export const JsonBody = (limitBytes: number): MethodDecorator =>
  applyDecorators(SetMetadata(BODY_LIMIT, limitBytes), UseInterceptors(JsonBodyInterceptor));
