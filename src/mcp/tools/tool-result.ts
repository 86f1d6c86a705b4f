import type { CallToolResult, ResourceLink } from '@modelcontextprotocol/server';
import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { catchError, defer, map, type Observable, of, throwError } from 'rxjs';

import { ToolContext } from './tool-context.js';
import { ToolErrorMapper } from './tool-error-mapper.js';
import { unreadInputOf } from './tool-input.js';

/** An answer with resource links. */
class LinkedAnswer {
  constructor(
    readonly answer: object,
    readonly links: readonly ResourceLink[],
  ) {}
}

/** Adds resource links to an answer. */
export const withLinks = (answer: object, links: readonly ResourceLink[]): object =>
  new LinkedAnswer(answer, links);

/** Wraps the value of a tool in a tool result: structured, and as compact JSON. A tool result passes unchanged. */
export function toToolResult(value: unknown): CallToolResult {
  if (isToolResult(value)) return value;
  if (value instanceof LinkedAnswer) {
    const { content, ...rest } = toToolResult(value.answer);
    return { content: [...content, ...value.links], ...rest };
  }
  const text = JSON.stringify(value ?? null);
  const content: CallToolResult['content'] = [{ type: 'text', text }];
  return isObject(value) ? { content, structuredContent: value } : { content };
}

/** A wrapped value that no other code has seen: its text still is its structured content as JSON. */
class NewResult {
  constructor(
    readonly content: CallToolResult['content'],
    readonly structuredContent: Record<string, unknown>,
  ) {}
}

/** As {@link toToolResult}, for a result that goes to {@link encodeResult} unchanged. */
export function toNewResult(value: unknown): CallToolResult {
  const result = toToolResult(value);
  const { content, structuredContent } = result;
  // The text of a result that a tool made may be any.
  if (result === value || value instanceof LinkedAnswer || !isObject(structuredContent)) return result;
  return new NewResult(content, structuredContent) as object as CallToolResult;
}

/** A result as JSON. Of a new one, the structured content is not encoded a second time, which large answers feel. */
export function encodeResult(result: CallToolResult): string {
  const [first] = result instanceof NewResult ? result.content : [];
  if (first?.type !== 'text' || typeof first.text !== 'string') return JSON.stringify(result);
  return `{"content":${JSON.stringify(result.content)},"structuredContent":${first.text}}`;
}

/** Whether it is a tool result already; an API response may also have a field `content`. */
const isToolResult = (value: unknown): value is CallToolResult =>
  isObject(value) && (isContent(value['content'], value) || value['resultType'] === 'input_required');

const MEMBERS: ReadonlySet<string> = new Set(['content', 'structuredContent', 'isError', '_meta']);

function isContent(content: unknown, whole: object): boolean {
  if (!Array.isArray(content)) return false;
  if (content.length === 0) return Object.keys(whole).every((member) => MEMBERS.has(member));
  return content.every((block) => isObject(block) && typeof block['type'] === 'string');
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Wraps the value or error of a tool in a tool result. An exception that is not the product's own goes on to the
 * exception filters first; {@link ToolRunner} then handles the rest.
 */
@Injectable()
export class ToolResultInterceptor implements NestInterceptor<unknown, unknown> {
  constructor(private readonly errors: ToolErrorMapper) {}

  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    const call: unknown = context.getType() === 'rpc' ? context.switchToRpc().getContext() : undefined;
    if (!(call instanceof ToolContext)) return next.handle();
    return defer(() => {
      // For methods without `@ToolInput`; its pipe reads the arguments of the others.
      unreadInputOf(context.getHandler())?.transform(context.switchToRpc().getData());
      return next.handle();
    }).pipe(
      map(toToolResult),
      catchError((error: unknown) => {
        if (this.errors.isKnown(error)) return of(this.errors.toToolResult(call, error));
        call.thrown = error;
        return throwError(() => error);
      }),
    );
  }
}

/**
 * Records exceptions thrown around a tool outside the interceptor, because Nest's own filter hides them from
 * {@link ToolRunner}. Exception filters get them unchanged.
 */
export const recordThrown = (
  context: ExecutionContext,
  next: () => Observable<unknown>,
): Observable<unknown> =>
  next().pipe(
    catchError((error: unknown) => {
      const call: unknown = context.switchToRpc().getContext();
      if (call instanceof ToolContext) call.thrown = error;
      return throwError(() => error);
    }),
  );
