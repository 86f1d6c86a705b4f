import type { CallToolResult } from '@modelcontextprotocol/server';
import {
  type CallHandler,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
} from '@nestjs/common';
import { catchError, defer, map, type Observable, of, throwError } from 'rxjs';

import { CONFIG, type Config } from '../../config/index.js';
import { cutTo } from './reply-cut.js';
import { RequestContext, ToolContext } from './tool-context.js';
import { ToolErrorMapper } from './tool-error-mapper.js';
import { unreadInputOf } from './tool-input.js';

/** Bytes of JSON per token of a model, on average; lists of numbers and random texts have less. */
const BYTES_PER_TOKEN = 2.5;
/** Bytes for the note of a reply that was cut. */
const NOTE = 1000;
/** Bytes of an answer that leave room for such a note. */
export const replyBytes = (tokens: number): number => tokens * BYTES_PER_TOKEN - NOTE;

const ASK_FOR_LESS = 'Ask for less: a smaller page, a filter, a narrower question.';

/** What surrounds the answer of a tool in its result. */
interface Extras {
  /** Blocks after the text: links, images. */
  readonly content?: CallToolResult['content'];
  /** Fields to leave out first, when the answer is too large for a reply. */
  readonly optional?: readonly string[];
  /** How to get the rest, when the answer is too large for a reply. */
  readonly whenCut?: string;
}

class ExtendedAnswer {
  constructor(
    readonly answer: object,
    readonly extras: Extras,
  ) {}
}

/** Adds content to the result beside the answer, and says how to cut it. */
export const withExtras = (answer: object, extras: Extras): object => new ExtendedAnswer(answer, extras);

/**
 * Wraps the value of a tool in a tool result: structured, and as compact JSON. A tool result passes unchanged.
 *
 * @param tokens a larger answer is cut, and a `note` says what is missing.
 */
export function toToolResult(value: unknown, tokens: number, extras: Extras = {}): CallToolResult {
  if (isToolResult(value)) return value;
  if (value instanceof ExtendedAnswer) return toToolResult(value.answer, tokens, value.extras);
  const text = JSON.stringify(value ?? null);
  const { content = [] } = extras;
  if (!isObject(value)) return { content: [{ type: 'text', text }, ...content] };
  if (!isLonger(text, tokens * BYTES_PER_TOKEN))
    return { content: [{ type: 'text', text }, ...content], structuredContent: value };
  return toToolResult(shortened(value, replyBytes(tokens), extras), Infinity, { content });
}

/** Counts bytes only when the characters could be too many. */
const isLonger = (text: string | undefined, bytes: number): boolean =>
  text !== undefined && (text.length > bytes || (text.length * 3 > bytes && Buffer.byteLength(text) > bytes));

/** A large answer without its optional fields, and cut if it is still too large; a `note` says what is missing. */
function shortened(
  answer: Record<string, unknown>,
  bytes: number,
  { optional = [], whenCut = ASK_FOR_LESS }: Extras,
): object {
  const left = optional.filter((field) => answer[field] !== undefined);
  const rest = Object.fromEntries(Object.entries(answer).filter(([field]) => !left.includes(field)));
  const { value, cuts } = cutBelow(rest, bytes);
  const missing = [...left.map((field) => `${field} is left out`), ...cuts].join('; ');
  const note = typeof value['note'] === 'string' ? `${value['note']} ` : '';
  return { ...value, note: `${note}The whole answer is too large for a model: ${missing}. ${whenCut}` };
}

/** Cuts again where characters that JSON escapes have made the result too large. */
function cutBelow(answer: Record<string, unknown>, bytes: number): ReturnType<typeof cutTo<typeof answer>> {
  for (let target = bytes; ; target /= 2) {
    const cut = cutTo(answer, target);
    if (!isLonger(JSON.stringify(cut.value), bytes) || target < 1) return cut;
  }
}

/** A wrapped value that no other code has seen: its text still is its structured content as JSON. */
class NewResult {
  constructor(
    readonly content: CallToolResult['content'],
    readonly structuredContent: Record<string, unknown>,
  ) {}
}

/** As {@link toToolResult}, for a result that goes to {@link encodeResult} unchanged. */
export function toNewResult(value: unknown, tokens: number): CallToolResult {
  const result = toToolResult(value, tokens);
  const { structuredContent, content } = result;
  // The text of a result that a tool made may be any.
  if (result === value || !isObject(structuredContent)) return result;
  return new NewResult(content, structuredContent) as object as CallToolResult;
}

/** A result as JSON. Of a new one, the structured content is not encoded a second time, which large answers feel. */
export function encodeResult(result: object): string {
  if (!(result instanceof NewResult)) return JSON.stringify(result);
  const [first] = result.content;
  if (first?.type !== 'text' || typeof first.text !== 'string') return JSON.stringify(result);
  return `{"content":${JSON.stringify(result.content)},"structuredContent":${first.text}}`;
}

/** Whether it is a tool result already; an API response may also have a field `content`. */
const isToolResult = (value: unknown): value is CallToolResult =>
  isObject(value) && (isContent(value['content'], value) || isOtherResult(value['resultType']));

/** Results of tools/call that are not those of a tool: a question to the client, a created task. */
const isOtherResult = (type: unknown): boolean => type === 'input_required' || type === 'task';

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
  constructor(
    private readonly errors: ToolErrorMapper,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    const call: unknown = context.getType() === 'rpc' ? context.switchToRpc().getContext() : undefined;
    if (!(call instanceof RequestContext)) return next.handle();
    if (!(call instanceof ToolContext)) return recordError(call, next.handle());
    return defer(() => {
      // For methods without `@ToolInput`; its pipe reads the arguments of the others.
      unreadInputOf(context.getHandler())?.transform(context.switchToRpc().getData());
      return next.handle();
    }).pipe(
      map((value) => toToolResult(value, this.config.mcpReplyTokens)),
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
export function recordThrown(
  context: ExecutionContext,
  next: () => Observable<unknown>,
): Observable<unknown> {
  const call: unknown = context.switchToRpc().getContext();
  return call instanceof RequestContext ? recordError(call, next()) : next();
}

const recordError = (call: RequestContext, outcome: Observable<unknown>): Observable<unknown> =>
  outcome.pipe(
    catchError((error: unknown) => {
      call.thrown = error;
      return throwError(() => error);
    }),
  );
