import { BadGatewayException, GatewayTimeoutException, Inject, Injectable } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import type { InvokeAnswer } from '../../contract/index.js';
import type { HostedService } from './hosted-service.js';
import type { InvokeBodyDto } from './invoke-body.dto.js';
import { callService, cut, isWhole, type ServiceAnswer } from './service-call.js';
import { toService } from './service-headers.js';

const MEGABYTE = 1024 * 1024;
const REQUEST_LIMIT = 12 * MEGABYTE;
/** In base64 it still fits the answer a caller reads by default. */
const ANSWER_LIMIT = 20 * MEGABYTE;
/** We give up a little before the caller would, since our sentence says more than a cut connection. */
const AHEAD_MS = 2000;
const SHORTEST_MS = 1000;

/** Calls a service and packs the whole answer into one JSON document. */
@Injectable()
export class ServiceInvocation {
  private readonly limitMs: number;

  constructor(@Inject(CONFIG) { runtimeTimeoutMs }: Config) {
    this.limitMs = Math.max(SHORTEST_MS, runtimeTimeoutMs - AHEAD_MS);
  }

  async invoke(service: HostedService, body: InvokeBodyDto, gone: AbortSignal): Promise<InvokeAnswer> {
    const bytes = body.body_base64 ? Buffer.from(body.body_base64, 'base64') : undefined;
    const { 'content-length': _length, ...headers } = toService(body.headers ?? {});
    const answer = await callService(service, {
      method: body.method,
      path: body.path,
      headers: { ...headers, ...(bytes && { 'content-length': String(bytes.length) }) },
      body: bytes,
      bodyLimit: REQUEST_LIMIT,
      silenceMs: this.limitMs,
      signal: gone,
    });
    const whole = await this.collect(service, answer);
    return { status_code: answer.status, headers: answer.headers, body_base64: whole.toString('base64') };
  }

  private async collect({ definition }: HostedService, { body }: ServiceAnswer): Promise<Buffer> {
    const { slug } = definition;
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      cut(body);
    }, this.limitMs);
    try {
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of body) {
        size += (chunk as Buffer).length;
        if (size > ANSWER_LIMIT) throw tooLarge(slug);
        chunks.push(chunk as Buffer);
      }
      if (isWhole(body)) return Buffer.concat(chunks);
    } catch (error) {
      if (error instanceof BadGatewayException) throw error;
    } finally {
      clearTimeout(timer);
    }
    throw timedOut ? tooSlow(slug, this.limitMs) : brokenOff(slug);
  }
}

const tooLarge = (slug: string): Error =>
  new BadGatewayException(
    `Service "${slug}" answers with more than ${ANSWER_LIMIT} bytes. Call its url directly for large answers.`,
  );
const tooSlow = (slug: string, limitMs: number): Error =>
  new GatewayTimeoutException(
    `Service "${slug}" did not finish its answer within ${limitMs / 1000} s. The call may have taken effect.`,
  );
const brokenOff = (slug: string): Error =>
  new BadGatewayException(`The answer of service "${slug}" broke off. The call may have taken effect.`);
