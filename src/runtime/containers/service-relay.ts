import type { IncomingMessage, ServerResponse } from 'node:http';
import { finished } from 'node:stream';

import { BadGatewayException, Inject, Injectable, PayloadTooLargeException } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import { extendRequestTimeout } from '../../http/index.js';
import { traceHeaders } from '../../telemetry/index.js';
import {
  forwardedHeaders,
  type ProxyHeaders,
  publicAddressOf,
  toService,
  withRewrittenLocation,
} from './proxy-headers.js';
import { callService, isSafe, isWhole, type ServiceAnswer } from './service-call.js';
import { notHttp, type ServiceTarget } from './service-connection.js';
import { ServiceRouter } from './service-router.js';
import type { RunningService } from './service-state.js';

/** Of a request and of a response; both are streamed. */
const BODY_LIMIT = 10 * 1024 ** 3;
/** Until a request has arrived; a large body may be slow. */
const REQUEST_MS = 3_600_000;
/** Idle timeout within a response; event streams may be quiet. */
const IDLE_MS = 600_000;
/** How long the rest of a request is read after an early response; closing earlier could lose the response. */
const DRAIN_MS = 30_000;
/** Removed, because services do not receive cookies either. */
const SET_COOKIE = 'set-cookie';

/** Reverse proxy to services; streams both bodies. */
@Injectable()
export class ServiceRelay {
  private readonly publicUrl: string | undefined;

  constructor(
    @Inject(CONFIG) { httpPublicUrl }: Config,
    private readonly router: ServiceRouter,
  ) {
    this.publicUrl = httpPublicUrl;
  }

  /** The request headers for the service, with X-Forwarded headers. */
  headersFor({ definition, port }: ServiceTarget, request: IncomingMessage): ProxyHeaders {
    const place = publicAddressOf(request, this.publicUrl, definition.slug);
    return {
      ...toService(request.headers),
      ...forwardedHeaders(request, place),
      ...traceHeaders(),
      host: `127.0.0.1:${port}`,
    };
  }

  /** Forwards a request and its response; resolves when the response has ended. */
  async relay(
    service: RunningService,
    { path, key }: { readonly path: string; readonly key: string },
    [request, response]: [IncomingMessage, ServerResponse],
  ): Promise<void> {
    const declared = Number(request.headers['content-length'] ?? 0);
    if (declared > BODY_LIMIT) {
      throw new PayloadTooLargeException(`The body of a call may have at most ${BODY_LIMIT} bytes.`);
    }
    extendRequestTimeout(request, REQUEST_MS);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const { method = 'GET' } = request;
    const isChunked = request.headers['transfer-encoding'] !== undefined;
    const isStreaming = isChunked || declared > 0;
    const caller = { key, isStreaming, isRepeatable: !isStreaming && isSafe(method) };
    try {
      const answer = await this.router.call(service, caller, (connection) =>
        callService(connection, {
          method,
          path,
          headers: {
            ...this.headersFor(connection.service, request),
            ...(isChunked && { 'transfer-encoding': 'chunked' }),
          },
          body: isStreaming ? request : undefined,
          bodyLimit: BODY_LIMIT,
          silenceMs: service.definition.request_timeout,
          signal: gone.signal,
        }),
      );
      await this.answerWith(answer, [request, response]);
    } finally {
      drain(request);
    }
  }

  /** Forwards the response of a service. */
  async answerWith(
    answer: ServiceAnswer,
    [request, response]: [IncomingMessage, ServerResponse],
  ): Promise<void> {
    const { service } = answer.connection;
    const place = publicAddressOf(request, this.publicUrl, service.definition.slug);
    try {
      beginAnswer(
        service,
        { ...answer, headers: withRewrittenLocation(answer.headers, service.port, place) },
        response,
      );
    } catch (error) {
      answer.connection.cut();
      throw error;
    }
    await passOn(answer, response, Math.max(IDLE_MS, service.definition.request_timeout));
  }
}

/** @throws {HttpException} when the response cannot be forwarded; nothing of it has been sent then. */
function beginAnswer(
  service: ServiceTarget,
  { status, headers }: ServiceAnswer,
  response: ServerResponse,
): void {
  if (Number(headers['content-length'] ?? 0) > BODY_LIMIT) {
    throw new BadGatewayException(
      `Service "${service.definition.slug}" answers with more than ${BODY_LIMIT} bytes.`,
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
  // Sends the headers now, as the body may be slow. Not with flushHeaders: it encodes bytes above 0x7F as two.
  response.write(Buffer.alloc(0));
}

async function passOn(answer: ServiceAnswer, response: ServerResponse, pauseMs: number): Promise<void> {
  const { body, connection } = answer;
  connection.stream.setTimeout(pauseMs, () => connection.cut());
  let size = 0;
  body.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > BODY_LIMIT) connection.cut();
  });
  body.pipe(response, { end: false });
  await new Promise<void>((resolve) => {
    // Also fires for a body that was aborted before this listener was added.
    finished(body, () => {
      // A truncated body must not look complete.
      if (isWhole(answer)) response.end();
      else response.destroy();
      connection.release();
      resolve();
    });
  });
}

/** Reads and discards the rest of a request after its response, for a limited time (RFC 9112, section 9.6). */
function drain(request: IncomingMessage): void {
  request.unpipe();
  if (request.complete || request.destroyed) return;
  const limit = setTimeout(() => request.destroy(), DRAIN_MS);
  request.once('close', () => clearTimeout(limit));
  request.resume();
}
