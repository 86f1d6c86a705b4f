import type { IncomingMessage, ServerResponse } from 'node:http';
import { finished } from 'node:stream';

import { BadGatewayException, Inject, Injectable, PayloadTooLargeException } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import type { HostedService } from './hosted-service.js';
import { forwardedHeaders, placeOf, relocated } from './public-place.js';
import { callService, isWhole, type ServiceAnswer } from './service-call.js';
import { notHttp } from './service-connection.js';
import { type RelayedHeaders, toService } from './service-headers.js';

const MEGABYTE = 1024 * 1024;
const REQUEST_LIMIT = 256 * MEGABYTE;
const ANSWER_LIMIT = 1024 * MEGABYTE;
/** In the middle of an answer; event streams are quiet at times. */
const PAUSE_MS = 600_000;
/** How long a caller who was answered early may go on sending: a connection closed under it would lose the answer. */
const DRAIN_MS = 30_000;
/** Cookies are kept from services, so theirs would only be a burden to the browser. */
const SET_COOKIE = 'set-cookie';

/** Relays HTTP calls to services as they come, both bodies in pieces. */
@Injectable()
export class ServiceRelay {
  private readonly publicUrl: string | undefined;

  constructor(@Inject(CONFIG) { httpPublicUrl }: Config) {
    this.publicUrl = httpPublicUrl;
  }

  /** The headers of a request as its service gets them, with the address it was called by. */
  headersFor({ definition, port }: HostedService, request: IncomingMessage): RelayedHeaders {
    const place = placeOf(request, this.publicUrl, definition.slug);
    return {
      ...toService(request.headers),
      ...forwardedHeaders(request, place),
      host: `127.0.0.1:${port}`,
    };
  }

  /** Answers the request with what the service answers; resolves when it is done with. */
  async relay(
    service: HostedService,
    path: string,
    [request, response]: [IncomingMessage, ServerResponse],
  ): Promise<void> {
    const declared = Number(request.headers['content-length'] ?? 0);
    if (declared > REQUEST_LIMIT) {
      throw new PayloadTooLargeException(`The body of a call may have at most ${REQUEST_LIMIT} bytes.`);
    }
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const isChunked = request.headers['transfer-encoding'] !== undefined;
    try {
      const answer = await callService(service, {
        method: request.method ?? 'GET',
        path,
        headers: {
          ...this.headersFor(service, request),
          ...(isChunked && { 'transfer-encoding': 'chunked' }),
        },
        body: isChunked || declared > 0 ? request : undefined,
        bodyLimit: REQUEST_LIMIT,
        silenceMs: service.definition.request_timeout,
        signal: gone.signal,
      });
      await this.answerWith(service, answer, [request, response]);
    } finally {
      drain(request);
    }
  }

  /** Passes on the answer of a service. */
  async answerWith(
    service: HostedService,
    answer: ServiceAnswer,
    [request, response]: [IncomingMessage, ServerResponse],
  ): Promise<void> {
    const place = placeOf(request, this.publicUrl, service.definition.slug);
    try {
      beginAnswer(service, { ...answer, headers: relocated(answer.headers, service.port, place) }, response);
    } catch (error) {
      answer.connection.cut();
      throw error;
    }
    await passOn(answer, response, Math.max(PAUSE_MS, service.definition.request_timeout));
  }
}

/** @throws {HttpException} when the answer cannot be passed on; nothing of it has been sent then. */
function beginAnswer(
  service: HostedService,
  { status, headers }: ServiceAnswer,
  response: ServerResponse,
): void {
  if (Number(headers['content-length'] ?? 0) > ANSWER_LIMIT) {
    throw new BadGatewayException(
      `Service "${service.definition.slug}" answers with more than ${ANSWER_LIMIT} bytes.`,
    );
  }
  const { [SET_COOKIE]: _kept, ...relayed } = headers;
  try {
    response.setHeaders(new Map(Object.entries(relayed)));
  } catch {
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    throw notHttp(service);
  }
  response.statusCode = status;
  // At once, since a body may be long in coming. Not by flushHeaders: that sends text, and doubles bytes above 0x7F.
  response.write(Buffer.alloc(0));
}

async function passOn(answer: ServiceAnswer, response: ServerResponse, pauseMs: number): Promise<void> {
  const { body, connection } = answer;
  connection.stream.setTimeout(pauseMs, () => connection.cut());
  let size = 0;
  body.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > ANSWER_LIMIT) connection.cut();
  });
  body.pipe(response, { end: false });
  await new Promise<void>((resolve) => {
    // Also of a body that was cut before anything listened.
    finished(body, () => {
      // A body that was cut must not look like a whole one.
      if (isWhole(answer)) response.end();
      else response.destroy();
      connection.release();
      resolve();
    });
  });
}

/** Reads and drops what a caller still sends after the answer, for a while (RFC 9112, section 9.6). */
function drain(request: IncomingMessage): void {
  request.unpipe();
  if (request.complete || request.destroyed) return;
  const limit = setTimeout(() => request.destroy(), DRAIN_MS);
  request.once('close', () => clearTimeout(limit));
  request.resume();
}
