import { Injectable } from '@nestjs/common';
import { ProtocolError, ProtocolErrorCode, ResourceNotFoundError } from '@modelcontextprotocol/server';

import { UpstreamError } from '../../upstream/index.js';
import { InvalidInput, ToolError } from '../protocol/index.js';
import { isMasked, type RequestContext, ToolErrorMapper } from '../tools/index.js';

const NOT_FOUND = 404;

/** Turns the error of a request that is no call of a tool into an error of the protocol. Only texts written for callers pass. */
@Injectable()
export class RequestErrors {
  constructor(private readonly errors: ToolErrorMapper) {}

  /** @param uri of the resource that is read. */
  toProtocolError(error: unknown, context: RequestContext, uri?: unknown): ProtocolError {
    // Nest's own filter hides the exception; the recorded one has the details.
    const thrown = isMasked(error) ? (context.thrown ?? error) : error;
    if (typeof uri === 'string' && thrown instanceof UpstreamError && thrown.status === NOT_FOUND)
      return inRevision(new ResourceNotFoundError(uri), context);
    if (thrown instanceof ProtocolError) return inRevision(thrown, context);
    const { error_message, ...data } = this.errors.bodyOf(context, thrown);
    return new ProtocolError(codeOf(thrown), error_message, Object.keys(data).length > 0 ? data : undefined);
  }
}

/** Revisions with sessions have a code of its own for a resource that does not exist. */
function inRevision(error: ProtocolError, context: RequestContext): ProtocolError {
  if (!(error instanceof ResourceNotFoundError) || context.getSession().era === 'modern') return error;
  return new ProtocolError(ProtocolErrorCode.ResourceNotFound, error.message, error.data);
}

function codeOf(error: unknown): ProtocolErrorCode {
  if (error instanceof InvalidInput) return ProtocolErrorCode.InvalidParams;
  return error instanceof ToolError ? ProtocolErrorCode.InvalidRequest : ProtocolErrorCode.InternalError;
}
