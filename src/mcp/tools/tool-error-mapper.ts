import { BadRequestException, HttpException, Injectable, Logger } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import type { CallToolResult } from '@modelcontextprotocol/server';

import { logWithReference } from '../../http/index.js';
import { UpstreamError } from '../../upstream/index.js';
import type { ToolFailure } from '../calls/index.js';
import { ErrorEnvelope, ForbiddenEnvelope } from '../protocol/index.js';
import { resultText } from './result-text.js';

const CLIENT_ERROR = 400;
const SERVER_ERROR = 500;
/** Nest's message for an unknown exception. */
const MASKED = 'Internal server error';

/** The result of a failed call; the body is all that a model sees. */
export const failed = (body: object): CallToolResult => ({
  content: [{ type: 'text', text: resultText({ ...body }, JSON.stringify(body)) }],
  structuredContent: { ...body },
  isError: true,
});

interface ErrorBody {
  readonly error_message: string;
  readonly retry_after_seconds?: number | undefined;
}

/** The failed call. */
interface FailedCall {
  /** The tool, or the method of another request. */
  readonly tool: string;
}

/** Turns the error of a call into an error result, for every tool. Only texts written for callers pass. */
@Injectable()
export class ToolErrorMapper {
  private readonly logger = new Logger('Tools');

  /** Whether the error is one of the product's own, which exception filters need not see. */
  isKnown(error: unknown): boolean {
    return error instanceof UpstreamError || envelopeOf(error) !== undefined;
  }

  toToolResult(call: FailedCall, error: unknown): CallToolResult {
    return failed(this.bodyOf(call, error));
  }

  /** What the client may read of an error; the rest is logged. */
  bodyOf({ tool }: FailedCall, error: unknown): ErrorBody {
    if (error instanceof UpstreamError) {
      const { kind, operation, status, cause } = error;
      // A client may cancel; that is no warning.
      const level = kind === 'cancelled' ? 'debug' : 'warn';
      this.logger[level]({ tool, kind, operation, status, cause });
      return error.body;
    }
    const told = envelopeOf(error) ?? authored(error);
    return told ?? this.unknown(tool, error);
  }

  /** A bug. Its text may contain secrets or injected instructions, so it is only logged. */
  private unknown(tool: string, error: unknown): ErrorEnvelope {
    const reference = logWithReference(this.logger, { tool, error });
    return new ErrorEnvelope(`This server failed. Do not retry; report reference ${reference}.`);
  }
}

const isRefusal = (status: number | undefined): boolean =>
  status !== undefined && status >= CLIENT_ERROR && status < SERVER_ERROR;

/** Why a call has failed, for the audit. */
export function toolFailureOf(error: unknown): ToolFailure {
  if (error instanceof UpstreamError) {
    const { kind: reason, status } = error;
    return { reason, status, isRefusal: isRefusal(status) };
  }
  const told = envelopeOf(error) ?? authored(error);
  if (!told) return { reason: 'internal_error', isRefusal: false };
  return { reason: told instanceof ForbiddenEnvelope ? 'permission' : 'refused', isRefusal: true };
}

function envelopeOf(error: unknown): ErrorEnvelope | undefined {
  const told: unknown = error instanceof RpcException ? error.getError() : error;
  return told instanceof ErrorEnvelope ? told : undefined;
}

/** The message that the author of a tool, guard or pipe wrote for callers. */
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

/** Whether Nest's own filter has replaced the exception. */
export const isMasked = (error: unknown): boolean => isRefusedByNest(error) && error.message === MASKED;
