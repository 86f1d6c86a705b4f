import type { Request, Response } from 'express';

import { BadGatewayException, Injectable, PayloadTooLargeException } from '@nestjs/common';

import type { HostedService } from './hosted-service.js';
import { callService, cut, isWhole, type ServiceAnswer } from './service-call.js';
import { toService } from './service-headers.js';

const MEGABYTE = 1024 * 1024;
const REQUEST_LIMIT = 256 * MEGABYTE;
const ANSWER_LIMIT = 1024 * MEGABYTE;
/** Before the answer begins; a model may think for a while before its first word. */
const SILENCE_MS = 120_000;
/** In the middle of an answer; event streams are quiet at times. */
const PAUSE_MS = 600_000;
/** Cookies are kept from services, so theirs would only be a burden to the browser. */
const SET_COOKIE = 'set-cookie';

/** Relays HTTP calls to services as they come, both bodies in pieces. */
@Injectable()
export class ServiceRelay {
  /** Answers the request with what the service answers; resolves when it is done with. */
  async relay(service: HostedService, path: string, [request, response]: [Request, Response]): Promise<void> {
    const declared = Number(request.headers['content-length'] ?? 0);
    if (declared > REQUEST_LIMIT) {
      throw new PayloadTooLargeException(`The body of a call may have at most ${REQUEST_LIMIT} bytes.`);
    }
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const answer = await callService(service, {
      method: request.method,
      path,
      headers: toService(request.headers),
      body: hasBody(request) ? request : undefined,
      bodyLimit: REQUEST_LIMIT,
      silenceMs: SILENCE_MS,
      signal: gone.signal,
    });
    await answerWith(service, answer, response);
  }
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

async function answerWith(
  { definition }: HostedService,
  { status, headers, body }: ServiceAnswer,
  response: Response,
): Promise<void> {
  if (Number(headers['content-length'] ?? 0) > ANSWER_LIMIT) {
    cut(body);
    throw new BadGatewayException(
      `Service "${definition.slug}" answers with more than ${ANSWER_LIMIT} bytes.`,
    );
  }
  const { [SET_COOKIE]: _kept, ...relayed } = headers;
  response.status(status);
  for (const [name, value] of Object.entries(relayed)) response.setHeader(name, value);
  response.flushHeaders();
  body.setTimeout(PAUSE_MS, () => cut(body));
  let size = 0;
  body.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > ANSWER_LIMIT) cut(body);
  });
  body.pipe(response, { end: false });
  await new Promise<void>((resolve) => {
    body.once('close', () => {
      // A body that was cut must not look like a whole one.
      if (isWhole(body)) response.end();
      else response.destroy();
      resolve();
    });
  });
}
