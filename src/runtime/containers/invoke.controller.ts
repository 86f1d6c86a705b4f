import {
  BadGatewayException,
  Body,
  Controller,
  GatewayTimeoutException,
  HttpCode,
  Inject,
  Param,
  Post,
  Res,
  UseGuards,
  UsePipes,
} from '@nestjs/common';
import type { Response } from 'express';

import { CONFIG, type Config } from '../../config/index.js';
import type { InvokeAnswer } from '../../contract/index.js';
import { bearerToken } from '../../http/index.js';
import { type Credential, CurrentCredential, IntegrationKeyGuard, Requires } from '../credentials/index.js';
import { JsonBody, LARGE_BODY, NoQuery, RestValidationPipe } from '../rest/index.js';
import { InvokeBodyDto } from './invoke-body.dto.js';
import { toService, withRewrittenLocation } from './proxy-headers.js';
import { callService, isSafe, isWhole, type ServiceAnswer } from './service-call.js';
import { ServiceDirectory } from './service-directory.js';
import { ServiceRouter } from './service-router.js';

const MEGABYTE = 1024 * 1024;
const REQUEST_LIMIT = 12 * MEGABYTE;
/** In base64 it still fits the default response limit of clients. */
const ANSWER_LIMIT = 20 * MEGABYTE;
/** The timeout is shorter than that of the caller, which then gets an explanation. */
const AHEAD_MS = 2000;
const SHORTEST_MS = 1000;

/** Callers use the paths of the service itself. */
const ON_THE_SERVICE = { proto: 'http', host: '', prefix: '' };

/** Calls of services as JSON documents, for clients that cannot send arbitrary HTTP requests. */
@Controller('r/invoke')
@UseGuards(IntegrationKeyGuard)
@UsePipes(RestValidationPipe)
export class InvokeController {
  private readonly limitMs: number;

  constructor(
    @Inject(CONFIG) { runtimeTimeoutMs }: Config,
    private readonly services: ServiceDirectory,
    private readonly router: ServiceRouter,
  ) {
    this.limitMs = Math.max(SHORTEST_MS, runtimeTimeoutMs - AHEAD_MS);
  }

  @Post(':slug')
  @HttpCode(200)
  @Requires('invoke')
  @JsonBody(LARGE_BODY)
  @NoQuery()
  async invoke(
    @CurrentCredential() { teamId }: Credential,
    @Param('slug') slug: string,
    @Body() { method, path, headers, body_base64 }: InvokeBodyDto,
    @Res({ passthrough: true }) response: Response,
  ): Promise<InvokeAnswer> {
    const key = bearerToken(response.req.headers.authorization) ?? '';
    const service = this.services.get(teamId, slug);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const bytes = body_base64 ? Buffer.from(body_base64, 'base64') : undefined;
    const { 'content-length': _length, ...sent } = toService(headers ?? {});
    const caller = { key, isStreaming: false, isRepeatable: isSafe(method) };
    const answer = await this.router.call(service, caller, (connection) =>
      callService(connection, {
        method,
        path: encoded(path),
        headers: {
          ...sent,
          host: `127.0.0.1:${connection.service.port}`,
          ...(bytes && { 'content-length': String(bytes.length) }),
        },
        body: bytes,
        bodyLimit: REQUEST_LIMIT,
        silenceMs: Math.min(this.limitMs, service.definition.request_timeout),
        signal: gone.signal,
      }),
    );
    const whole = await this.collect(answer);
    return {
      status_code: answer.status,
      headers: withRewrittenLocation(answer.headers, answer.connection.service.port, ON_THE_SERVICE),
      body_base64: whole.toString('base64'),
    };
  }

  private async collect(answer: ServiceAnswer): Promise<Buffer> {
    const { body, connection } = answer;
    const { slug } = connection.service.definition;
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      connection.cut();
    }, this.limitMs);
    try {
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of body) {
        size += (chunk as Buffer).length;
        if (size > ANSWER_LIMIT) throw tooLarge(slug);
        chunks.push(chunk as Buffer);
      }
      if (isWhole(answer)) return Buffer.concat(chunks);
    } catch (error) {
      if (error instanceof BadGatewayException) throw error;
    } finally {
      clearTimeout(timer);
      connection.release();
    }
    throw timedOut ? tooSlow(slug, this.limitMs) : truncated(slug);
  }
}

/** The path with non-ASCII characters percent-encoded. */
const encoded = (path: string): string =>
  path.toWellFormed().replaceAll(/[^\u0021-\u007E]+/g, encodeURIComponent);

const tooLarge = (slug: string): Error =>
  new BadGatewayException(
    `Service "${slug}" answers with more than ${ANSWER_LIMIT} bytes. Call its url directly for large answers.`,
  );
const tooSlow = (slug: string, limitMs: number): Error =>
  new GatewayTimeoutException(
    `Service "${slug}" did not finish its answer within ${limitMs / 1000} s. The call may have taken effect.`,
  );
const truncated = (slug: string): Error =>
  new BadGatewayException(`The answer of service "${slug}" was truncated. The call may have taken effect.`);
