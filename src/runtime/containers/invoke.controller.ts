import {
  BadGatewayException,
  Body,
  Controller,
  HttpCode,
  HttpException,
  Inject,
  Logger,
  Param,
  Post,
  Res,
  UseGuards,
  UsePipes,
} from '@nestjs/common';
import type { Response } from 'express';

import { CONFIG, type Config } from '../../config/index.js';
import {
  type BodyLink,
  type InvokeAnswer,
  isShownImage,
  NotDecodable,
  withoutCodings,
} from '../../contract/index.js';
import { bearerToken } from '../../http/index.js';
import { traceHeaders } from '../../telemetry/index.js';
import { type Credential, CurrentCredential, IntegrationKeyGuard, Requires } from '../credentials/index.js';
import { logFailure } from '../database/index.js';
import { type AnswerBody, AnswerFiles, TeamFilesFull } from '../files/index.js';
import { JsonBody, LARGE_BODY, NoQuery, RestValidationPipe } from '../rest/index.js';
import { type BodyStart, chunksOf, startOf, wholeOf } from './answer-body.js';
import { CallDeadline } from './call-deadline.js';
import { InvokeBodyDto } from './invoke-body.dto.js';
import { toService, withRewrittenLocation } from './proxy-headers.js';
import { callService, isSafe, type ServiceAnswer } from './service-call.js';
import { ServiceDirectory } from './service-directory.js';
import { ServiceRouter } from './service-router.js';
import { storedAnswer } from './stored-answer.js';

const MEGABYTE = 1024 * 1024;
const REQUEST_LIMIT = 12 * MEGABYTE;
/** In base64 it still fits the default response limit of clients. */
const ANSWER_LIMIT = 20 * MEGABYTE;
/** The timeout is shorter than that of the caller, which then gets an explanation. */
const AHEAD_MS = 2000;
const SHORTEST_MS = 1000;
/** How long an answer that is here waits for its link, and how much of that after the deadline of the call. */
const LINK_MS = 5000;
const LATE_LINK_MS = AHEAD_MS / 2;

/** Callers use the paths of the service itself. */
const ON_THE_SERVICE = { proto: 'http', host: '', prefix: '' };

/** Whose answer it is, what was asked for, and above which size its body is linked. */
interface AskedBody {
  readonly teamId: string;
  readonly credentialId: string;
  readonly path: string;
  readonly link_above: number | undefined;
  readonly link_images_above: number | undefined;
}

/** Calls of services as JSON documents, for clients that cannot send arbitrary HTTP requests. */
@Controller('r/invoke')
@UseGuards(IntegrationKeyGuard)
@UsePipes(RestValidationPipe)
export class InvokeController {
  private readonly logger = new Logger('Services');
  private readonly limitMs: number;

  constructor(
    @Inject(CONFIG) { runtimeTimeoutMs }: Config,
    private readonly services: ServiceDirectory,
    private readonly router: ServiceRouter,
    private readonly files: AnswerFiles,
  ) {
    this.limitMs = Math.max(SHORTEST_MS, runtimeTimeoutMs - AHEAD_MS);
  }

  @Post(':slug')
  @HttpCode(200)
  @Requires('invoke')
  @JsonBody(LARGE_BODY)
  @NoQuery()
  async invoke(
    @CurrentCredential() { teamId, id: credentialId }: Credential,
    @Param('slug') slug: string,
    @Body() { method, path, headers, body_base64, ...links }: InvokeBodyDto,
    @Res({ passthrough: true }) response: Response,
  ): Promise<InvokeAnswer> {
    const key = bearerToken(response.req.headers.authorization) ?? '';
    const service = this.services.get(teamId, slug);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const bytes = body_base64 ? Buffer.from(body_base64, 'base64') : undefined;
    const { 'content-length': _length, ...sent } = toService(headers ?? {});
    const caller = { key, isStreaming: false, isRepeatable: isSafe(method) };
    const deadline = new CallDeadline(this.limitMs);
    const answer = await this.router.call(service, caller, (connection) =>
      callService(connection, {
        method,
        path: encoded(path),
        headers: {
          ...traceHeaders(),
          ...sent,
          host: `127.0.0.1:${connection.service.port}`,
          ...(bytes && { 'content-length': String(bytes.length) }),
        },
        body: bytes,
        bodyLimit: REQUEST_LIMIT,
        silenceMs: Math.min(deadline.leftMs, service.definition.request_timeout),
        signal: gone.signal,
      }),
    );
    const { link_above, link_images_above } = links;
    return this.present(answer, deadline, { teamId, credentialId, path, link_above, link_images_above });
  }

  private async present(
    answer: ServiceAnswer,
    deadline: CallDeadline,
    { path, link_above, link_images_above = link_above, ...owner }: AskedBody,
  ): Promise<InvokeAnswer> {
    const { definition, port } = answer.connection.service;
    const body = chunksOf(answer, deadline);
    try {
      const start = await startOf(body, ANSWER_LIMIT);
      const { codings, ...named } = storedAnswer(answer.headers, path);
      const limit = isShownImage(named.contentType) ? link_images_above : link_above;
      const isLinked = limit !== undefined && (await isLarger(start, codings, limit));
      if (!start.isAll && !isLinked)
        throw tooLarge(definition.slug, 'Call its url directly for large answers.');
      const chunks = wholeOf(start, body);
      const stored =
        codings.length > 0
          ? { chunks: withoutCodings(chunks, codings), knownSize: 0 }
          : { chunks, knownSize: Math.max(start.size, Number(answer.headers['content-length'] ?? 0)) };
      const linkMs = deadline.leftMs + LATE_LINK_MS;
      const file = { ...named, ...owner, ...stored };
      const linked = isLinked
        ? await this.linkTo(file, start.isAll ? Math.min(LINK_MS, linkMs) : linkMs)
        : {};
      if (!start.isAll && linked.link_fault !== undefined) throw tooLarge(definition.slug, linked.link_fault);
      return {
        status_code: answer.status,
        headers: withRewrittenLocation(answer.headers, port, ON_THE_SERVICE),
        ...(start.isAll && { body_base64: Buffer.concat(start.chunks).toString('base64') }),
        ...linked,
      };
    } finally {
      // What was not stored may never have been read, or be awaited at this moment: the service is not to wait for that.
      if (!answer.body.complete) answer.connection.cut();
      await body.return(undefined);
    }
  }

  /** A link to the body, or why there is none: the call has been made, so that it must not fail for that. */
  private async linkTo(
    file: AnswerBody,
    limitMs: number,
  ): Promise<{ body_link?: BodyLink; link_fault?: string }> {
    try {
      return { body_link: await this.files.keep(file, limitMs) };
    } catch (error) {
      if (error instanceof TeamFilesFull || error instanceof HttpException || error instanceof NotDecodable)
        return {
          link_fault: `The body could not be stored for a link: ${error.message.replace(/\.?$/, '.')}`,
        };
      logFailure(this.logger, 'the body of an answer of a service was not stored', error);
      return { link_fault: 'The body could not be stored for a link; see the log of the runtime.' };
    }
  }
}

/** Whether a body has more bytes than a limit; one that is compressed counts as it is stored. */
async function isLarger(start: BodyStart, codings: readonly string[], limit: number): Promise<boolean> {
  if (start.size > limit || codings.length === 0) return start.size > limit;
  const decoded = withoutCodings(start.chunks, codings);
  try {
    return (await startOf(decoded, limit)).size > limit;
  } catch {
    // Not what its headers say: it stays as it is.
    return false;
  } finally {
    await decoded.return(undefined);
  }
}

/** The path with non-ASCII characters percent-encoded. */
const encoded = (path: string): string =>
  path.toWellFormed().replaceAll(/[^\u0021-\u007E]+/g, encodeURIComponent);

const tooLarge = (slug: string, next: string): Error =>
  new BadGatewayException(`Service "${slug}" answers with more than ${ANSWER_LIMIT} bytes. ${next}`);
