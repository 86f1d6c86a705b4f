import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import type { Readable } from 'node:stream';

import {
  BadRequestException,
  GatewayTimeoutException,
  HttpException,
  PayloadTooLargeException,
} from '@nestjs/common';

import type { HostedService } from './hosted-service.js';
import { notHttp, ServiceConnection } from './service-connection.js';
import { fromService, type RelayedHeaders } from './service-headers.js';

/** All names and values of an answer's header together; many servers and proxies allow no more. */
const ANSWER_HEADER_LIMIT = 64 * 1024;
const CALLER_GONE = 499;

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

/** What is awaited of a request: its answer, until the caller is gone or nothing has happened for too long. */
type AwaitedAnswer = Pick<ServiceRequest, 'method' | 'silenceMs'> &
  Partial<Pick<ServiceRequest, 'body' | 'signal'>>;

/** The beginning of a service's answer; its body is still to come. */
export interface ServiceAnswer {
  readonly status: number;
  readonly headers: RelayedHeaders;
  readonly body: IncomingMessage;
  /** Otherwise its end is the end of the connection. */
  readonly tellsItsEnd: boolean;
  /** First bytes of another protocol, when the service has answered 101. */
  readonly upgraded: Buffer | undefined;
  /** Belongs to this call alone; to be released when the body has come. */
  readonly connection: ServiceConnection;
}

/**
 * Calls a service through its agent's tunnel and resolves when the answer begins. The rest of the request may go on
 * meanwhile: both directions are independent.
 *
 * @throws {HttpException} with a sentence when there is no answer of the service.
 */
export async function callService(service: HostedService, request: ServiceRequest): Promise<ServiceAnswer> {
  const connection = ServiceConnection.to(service);
  const outgoing = begin(connection, request);
  const answered = answerTo(outgoing, connection, request);
  sendBody(outgoing, request, connection);
  const answer = await answered;
  if (answer.upgraded === undefined) return answer;
  // Nobody has asked for it.
  connection.cut();
  throw notHttp(service);
}

/** The beginning of the answer to a request that is being sent. */
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

/** Whether a body came to its end. One that only the end of the connection ends may have been cut. */
export function isWhole({ body, tellsItsEnd, connection }: ServiceAnswer): boolean {
  return body.complete && (tellsItsEnd || connection.endedInOrder);
}

/** Begins a request of its own on a connection. */
export function begin(
  { socket }: ServiceConnection,
  { method, path, headers }: Pick<ServiceRequest, 'method' | 'path' | 'headers'>,
): ClientRequest {
  try {
    return httpRequest({
      createConnection: () => socket,
      method,
      path,
      // Kept open by both, so that a service which answers early reads on and does not reset its answer away.
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
): Pick<ServiceAnswer, 'status' | 'headers' | 'tellsItsEnd'> {
  const { statusCode: status = 0, headers: sent } = body;
  // The parser takes any three digits; HTTP knows five classes, and the first is never an answer's.
  if ((status < 200 || status > 599) && status !== 101) throw notHttp(service);
  body.on('error', () => undefined);
  const isBodiless = method === 'HEAD' || status === 204 || status === 304;
  const { 'content-length': length, ...headers } = fromService(sent);
  return {
    status,
    // RFC 9110 forbids a length in a 204.
    headers: { ...headers, ...(length !== undefined && status !== 204 && { 'content-length': length }) },
    tellsItsEnd: isBodiless || length !== undefined || /\bchunked\s*$/i.test(sent['transfer-encoding'] ?? ''),
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
    // The header goes ahead: a service may answer before there is any body. Not by flushHeaders, which sends text.
    outgoing.write(Buffer.alloc(0));
    let size = 0;
    body.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > bodyLimit) refuse();
    });
    body.pipe(outgoing);
  }
}

function silent({ definition }: HostedService, limitMs: number): HttpException {
  return new GatewayTimeoutException(
    `Service "${definition.slug}" did not begin to answer within ${limitMs / 1000} s. The call may have taken effect.`,
  );
}
