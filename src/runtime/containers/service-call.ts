import { type ClientHttp2Stream, constants } from 'node:http2';
import type { Readable } from 'node:stream';

import {
  BadGatewayException,
  BadRequestException,
  ConflictException,
  GatewayTimeoutException,
  HttpException,
  Logger,
  PayloadTooLargeException,
} from '@nestjs/common';

import { AGENT_PATHS } from '../../contract/index.js';
import type { HostedService } from './hosted-service.js';
import { fromService, type RelayedHeaders } from './service-headers.js';

const FAILURE_HEADER = 'cyberun-proxy-failure';
const logger = new Logger('Services');

/** What is asked of a service. */
export interface ServiceRequest {
  readonly method: string;
  /** With its query, as it came. */
  readonly path: string;
  /** Already fit for the service, see `toService`. */
  readonly headers: RelayedHeaders;
  readonly body: Buffer | Readable | undefined;
  readonly bodyLimit: number;
  /** How long nothing at all may happen before the answer begins. */
  readonly silenceMs: number;
  /** Aborted when the caller is gone; the call then ends at the service too. */
  readonly signal: AbortSignal;
}

/** The beginning of a service's answer; its body is still to come. */
export interface ServiceAnswer {
  readonly status: number;
  readonly headers: RelayedHeaders;
  readonly body: ClientHttp2Stream;
}

/**
 * Calls a service through its agent's tunnel and resolves when the answer begins.
 *
 * @throws {HttpException} with a sentence when there is no answer of the service.
 */
export async function callService(service: HostedService, request: ServiceRequest): Promise<ServiceAnswer> {
  const stream = open(service, request);
  const failure = Promise.withResolvers<never>();
  const fail = (error: HttpException): void => {
    failure.reject(error);
    cut(stream);
  };
  const abort = (): void => fail(new HttpException('The caller is gone.', 499));
  request.signal.addEventListener('abort', abort, { once: true });
  stream.setTimeout(request.silenceMs, () => fail(silent(service, request.silenceMs)));
  stream.on('error', () => failure.reject(broken(service)));
  stream.once('close', () => {
    request.signal.removeEventListener('abort', abort);
    failure.reject(broken(service));
  });
  if (request.signal.aborted) abort();
  sendBody(stream, request, fail);
  const headers = await Promise.race([firstHeaders(stream), failure.promise]);
  stream.setTimeout(0);
  const reason = headers[FAILURE_HEADER];
  if (reason === undefined)
    return { status: headers[':status'] ?? 502, headers: fromService(headers), body: stream };
  logger.warn(`service ${service.definition.slug} gave no answer: ${decodeURIComponent(String(reason))}`);
  throw broken(service);
}

/** Whether a body came to its end. A stream of HTTP/2 that is cut says it has ended too; its code tells. */
export function isWhole(body: ClientHttp2Stream): boolean {
  return body.readableEnded && body.rstCode === constants.NGHTTP2_NO_ERROR;
}

/** Gives a call up. Not by `close`: that would first end the request in order, and the service would believe it. */
export function cut(stream: ClientHttp2Stream): void {
  stream.destroy(new Error('the call was given up'));
}

function open(service: HostedService, { method, path, headers, body }: ServiceRequest): ClientHttp2Stream {
  const agent = service.runningOn;
  const { slug } = service.definition;
  if (!agent) {
    throw new ConflictException(
      `Service "${slug}" is ${service.state}, not running. Ask for it again until its service_status is running.`,
    );
  }
  try {
    return agent.session.request(
      { ...headers, ':method': method, ':path': `${AGENT_PATHS.proxy}/${slug}${path}` },
      { endStream: body === undefined },
    );
  } catch (error) {
    if (!agent.isConnected) throw broken(service);
    logger.debug({ message: 'a call could not be passed on', error });
    throw new BadRequestException('The call cannot be passed on: a header or the path is not valid.');
  }
}

function sendBody(
  stream: ClientHttp2Stream,
  { body, bodyLimit }: ServiceRequest,
  fail: (error: HttpException) => void,
): void {
  if (body === undefined) return;
  const tooLarge = new PayloadTooLargeException(`The body of a call may have at most ${bodyLimit} bytes.`);
  if (Buffer.isBuffer(body)) {
    if (body.length > bodyLimit) fail(tooLarge);
    else stream.end(body);
    return;
  }
  let size = 0;
  body.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > bodyLimit) fail(tooLarge);
  });
  body.pipe(stream);
}

function firstHeaders(stream: ClientHttp2Stream) {
  return new Promise<Parameters<typeof fromService>[0] & { ':status'?: number }>((resolve) => {
    stream.once('response', resolve);
  });
}

function silent({ definition }: HostedService, limitMs: number): HttpException {
  return new GatewayTimeoutException(
    `Service "${definition.slug}" did not begin to answer within ${limitMs / 1000} s. The call may have taken effect.`,
  );
}

function broken({ definition }: HostedService): HttpException {
  return new BadGatewayException(
    `The connection to service "${definition.slug}" failed before it answered. The call may have taken effect.`,
  );
}
