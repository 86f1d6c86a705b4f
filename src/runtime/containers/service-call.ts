import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import type { Readable } from 'node:stream';

import {
  BadGatewayException,
  BadRequestException,
  GatewayTimeoutException,
  HttpException,
  PayloadTooLargeException,
} from '@nestjs/common';

import { inSeconds } from './call-deadline.js';
import { fromService, type ProxyHeaders } from './proxy-headers.js';
import { notHttp, type ServiceConnection, type ServiceTarget } from './service-connection.js';

/** Limit for all headers of a response together; many servers and proxies allow no more. */
const ANSWER_HEADER_LIMIT = 64 * 1024;
const CALLER_GONE = 499;

/** Methods that change nothing (RFC 9110, section 9.2.1): a call that broke can be made again. */
export const isSafe = (method: string): boolean => ['GET', 'HEAD', 'OPTIONS'].includes(method);

/** A request to a service. */
export interface ServiceRequest {
  readonly method: string;
  /** With the query, unchanged. */
  readonly path: string;
  /** Filtered for the service, see `toService`. */
  readonly headers: ProxyHeaders;
  readonly body: Buffer | Readable | undefined;
  readonly bodyLimit: number;
  /** Idle timeout until the response starts. */
  readonly silenceMs: number;
  /** Aborted when the caller disconnects; this cancels the call at the service. */
  readonly signal: AbortSignal;
}

/** What waiting for a response needs. */
type AwaitedAnswer = Pick<ServiceRequest, 'method' | 'silenceMs'> &
  Partial<Pick<ServiceRequest, 'body' | 'signal'>>;

/** The head of a response; its body follows. */
export interface ServiceAnswer {
  readonly status: number;
  readonly headers: ProxyHeaders;
  readonly body: IncomingMessage;
  /** False when only the end of the connection ends the body. */
  readonly isDelimited: boolean;
  /** First bytes after a 101 response. */
  readonly upgraded: Buffer | undefined;
  /** The connection of this call; to be released after the body. */
  readonly connection: ServiceConnection;
}

/**
 * Calls a service over a new connection; resolves when the response starts. The request body may still be sent
 * then: both directions are independent.
 *
 * @throws {HttpException} when the service does not respond.
 */
export async function callService(
  connection: ServiceConnection,
  request: ServiceRequest,
): Promise<ServiceAnswer> {
  const outgoing = begin(connection, request);
  const answered = answerTo(outgoing, connection, request);
  sendBody(outgoing, request, connection);
  const answer = await answered;
  if (answer.upgraded === undefined) return answer;
  // No upgrade was requested.
  connection.cut();
  throw notHttp(connection.service);
}

/** Waits for the head of the response to a request that is being sent. */
export async function answerTo(
  outgoing: ClientRequest,
  connection: ServiceConnection,
  { method, body, silenceMs, signal }: AwaitedAnswer,
): Promise<ServiceAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  let upgraded: Buffer | undefined;
  outgoing.once('response', resolve);
  outgoing.once('upgrade', (answer: IncomingMessage, _stream, first: Buffer) => {
    upgraded = first;
    resolve(answer);
  });
  outgoing.on('error', (error) => reject(error));
  outgoing.once('close', () => reject(new Error('the connection was cut')));
  const abort = (): void => void outgoing.destroy(new HttpException('The caller is gone.', CALLER_GONE));
  signal?.addEventListener('abort', abort, { once: true });
  connection.stream.once('close', () => signal?.removeEventListener('abort', abort));
  if (signal?.aborted) abort();
  const silence = setTimeout(() => outgoing.destroy(silent(connection.service, silenceMs)), silenceMs);
  if (body && !Buffer.isBuffer(body)) body.on('data', () => silence.refresh());
  try {
    const body = await promise;
    return { ...answerOf(body, method, connection), body, connection, upgraded };
  } catch (error) {
    connection.cut();
    throw error instanceof HttpException ? error : connection.broken(error as Error);
  } finally {
    clearTimeout(silence);
  }
}

/** Whether a body is complete. One that is ended by the connection may have been truncated. */
export function isWhole({ body, isDelimited, connection }: ServiceAnswer): boolean {
  return body.complete && (isDelimited || connection.endedInOrder);
}

/** Starts the only request of a connection. */
export function begin(
  { socket }: ServiceConnection,
  { method, path, headers }: Pick<ServiceRequest, 'method' | 'path' | 'headers'>,
): ClientRequest {
  try {
    return httpRequest({
      createConnection: () => socket,
      method,
      path,
      // Otherwise a service that responds early may reset the connection, which discards its response.
      headers: { connection: 'keep-alive', ...headers },
      setHost: false,
      maxHeaderSize: ANSWER_HEADER_LIMIT,
    });
  } catch {
    socket.destroy();
    throw new BadRequestException('The call cannot be passed on: a header or the path is not valid.');
  }
}

function answerOf(
  body: IncomingMessage,
  method: string,
  { service }: ServiceConnection,
): Pick<ServiceAnswer, 'status' | 'headers' | 'isDelimited'> {
  const { statusCode: status = 0, headers: sent } = body;
  // The parser accepts any three digits; a final response is in the classes 2xx to 5xx.
  if ((status < 200 || status > 599) && status !== 101) throw notHttp(service);
  body.on('error', () => undefined);
  const isBodiless = method === 'HEAD' || status === 204 || status === 304;
  const { 'content-length': length, ...headers } = fromService(sent);
  return {
    status,
    // RFC 9110 forbids a length in a 204.
    headers: { ...headers, ...(length !== undefined && status !== 204 && { 'content-length': length }) },
    isDelimited: isBodiless || length !== undefined || /\bchunked\s*$/i.test(sent['transfer-encoding'] ?? ''),
  };
}

function sendBody(
  outgoing: ClientRequest,
  { body, bodyLimit }: ServiceRequest,
  connection: ServiceConnection,
): void {
  const refuse = (): void => {
    outgoing.destroy(new PayloadTooLargeException(`The body of a call may have at most ${bodyLimit} bytes.`));
    connection.cut();
  };
  if (body === undefined) outgoing.end();
  else if (Buffer.isBuffer(body)) {
    if (body.length > bodyLimit) refuse();
    else outgoing.end(body);
  } else {
    // Sends the headers first: a service may respond before the body. Not with flushHeaders, which encodes them as text.
    outgoing.write(Buffer.alloc(0));
    let size = 0;
    body.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > bodyLimit) refuse();
    });
    body.pipe(outgoing);
  }
}

export const truncated = (slug: string): Error =>
  new BadGatewayException(`The answer of service "${slug}" was truncated. The call may have taken effect.`);

function silent({ definition }: ServiceTarget, limitMs: number): HttpException {
  return new GatewayTimeoutException(
    `Service "${definition.slug}" did not begin to answer within ${inSeconds(limitMs)} s. The call may have taken effect.`,
  );
}
