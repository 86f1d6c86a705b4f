import { randomUUID } from 'node:crypto';

import { BadRequestException, HttpException, Injectable, Logger } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import type { CallToolResult } from '@modelcontextprotocol/server';

import { UpstreamError } from '../../upstream/index.js';
import { KeyValidator } from '../auth/index.js';
import { ErrorEnvelope } from '../protocol/index.js';
import { failed } from './tool-result.js';

const UNAUTHORIZED = 401;
const SERVER_ERROR = 500;
/** What Nest makes of an exception it does not know. */
const MASKED = 'Internal server error';

/** On whose behalf the call was made that failed. */
interface FailedCall {
  readonly tool: string;
  readonly keyHash: string;
}

/** The one place where a failed call becomes an error result. No text that we or an author did not write for it passes. */
@Injectable()
export class ToolErrorMapper {
  private readonly logger = new Logger('Tools');

  constructor(private readonly validator: KeyValidator) {}

  /** Whether the failure is one of the product's own kinds, which nobody else has to see. */
  isKnown(error: unknown): boolean {
    return error instanceof UpstreamError || envelopeOf(error) !== undefined;
  }

  toToolResult({ tool, keyHash }: FailedCall, error: unknown): CallToolResult {
    if (error instanceof UpstreamError) {
      const { kind, operation, status, cause } = error;
      // That nobody waits for an answer any more is a client's right.
      const level = kind === 'cancelled' ? 'debug' : 'warn';
      this.logger[level]({ tool, kind, operation, status, cause });
      if (status === UNAUTHORIZED) this.validator.invalidate(keyHash);
      return failed(error.body);
    }
    const told = envelopeOf(error) ?? authored(error);
    return failed(told ?? this.unknown(tool, error));
  }

  /** A bug. Its text may hold secrets or a stranger's instructions, so only the log sees it. */
  private unknown(tool: string, error: unknown): ErrorEnvelope {
    const reference = randomUUID();
    this.logger.error({ tool, reference, error });
    return new ErrorEnvelope(`This server failed. Do not retry; report reference ${reference}.`);
  }
}

function envelopeOf(error: unknown): ErrorEnvelope | undefined {
  const told: unknown = error instanceof RpcException ? error.getError() : error;
  return told instanceof ErrorEnvelope ? told : undefined;
}

/** What an author of a tool, guard or pipe chose to say to a caller. */
function authored(error: unknown): ErrorEnvelope | undefined {
  if (error instanceof BadRequestException) return new ErrorEnvelope(`Invalid input. ${rulesOf(error)}`);
  if (error instanceof HttpException) {
    return error.getStatus() < SERVER_ERROR ? new ErrorEnvelope(error.message) : undefined;
  }
  const told: unknown = error instanceof RpcException ? error.getError() : error;
  if (typeof told === 'string') return error instanceof RpcException ? new ErrorEnvelope(told) : undefined;
  return isRefusedByNest(told) && told.message !== MASKED ? new ErrorEnvelope(told.message) : undefined;
}

/** Nest's validation pipe lists one sentence per field and rule. */
function rulesOf(error: BadRequestException): string {
  const body = error.getResponse();
  const rules: unknown = typeof body === 'object' ? Reflect.get(body, 'message') : undefined;
  return Array.isArray(rules) ? `${rules.join('; ')}.` : error.message;
}

/** The shape in which Nest's own filter passes an RpcException on. */
const isRefusedByNest = (error: unknown): error is { readonly message: string } =>
  typeof error === 'object' &&
  error !== null &&
  !(error instanceof Error) &&
  Reflect.get(error, 'status') === 'error' &&
  typeof Reflect.get(error, 'message') === 'string';

/** Whether this is all that is left of an exception after Nest's own filter. */
export const isMasked = (error: unknown): boolean => isRefusedByNest(error) && error.message === MASKED;
