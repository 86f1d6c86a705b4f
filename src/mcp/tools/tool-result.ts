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
import { isObject } from './json-schema.js';
import { cutTo } from './reply-cut.js';
import { resultText } from './result-text.js';
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
  /** Fields that have the same as others in another form, such as bytes in base64: not in the text. */
  readonly repeated?: readonly string[];
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
 * Wraps the value of a tool in a tool result: the value itself for programs, and {@link resultText} for models. A host may
 * give its model the one or the other, so both have everything. A tool result passes unchanged.
 *
 * @param tokens a larger answer is cut, and a `note` says what is missing.
 */
export function toToolResult(value: unknown, tokens: number, extras: Extras = {}): CallToolResult {
  const wrapped = wrap(value, tokens, extras);
  return wrapped instanceof NewResult ? wrapped.asResult() : wrapped;
}

function wrap(value: unknown, tokens: number, extras: Extras = {}): CallToolResult | NewResult {
  if (isToolResult(value)) return value;
  if (value instanceof ExtendedAnswer) return wrap(value.answer, tokens, value.extras);
  const json = JSON.stringify(value ?? null) as string | undefined;
  const { content = [], repeated } = extras;
  if (!isObject(value)) return { content: [{ type: 'text', text: json ?? '' }, ...content] };
  if (isLonger(json, tokens * BYTES_PER_TOKEN))
    return wrap(shortened(value, replyBytes(tokens), extras), Infinity, {
      content,
      ...(repeated && { repeated }),
    });
  // What has no JSON has no text.
  if (typeof json !== 'string') return { content: [], structuredContent: value };
  const text = { type: 'text' as const, text: resultText(value, json, repeated) };
  if (text.text !== json) ownTexts.add(text);
  return new NewResult([text, ...content], value, json);
}

/** The texts that are not just JSON. */
const ownTexts = new WeakSet<object>();

/** Whether {@link toToolResult} made the text of a result from its structured content. */
export function hasOwnText({ content: [first], structuredContent }: CallToolResult): boolean {
  return first?.type === 'text' && (ownTexts.has(first) || first.text === JSON.stringify(structuredContent));
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

/** A wrapped value that no other code has seen: `json` still is its structured content as JSON. */
class NewResult {
  readonly #json: string;

  constructor(
    readonly content: CallToolResult['content'],
    readonly structuredContent: Record<string, unknown>,
    json: string,
  ) {
    this.#json = json;
  }

  asResult(): CallToolResult {
    const { content, structuredContent } = this;
    return { content, structuredContent };
  }

  /** Without encoding the structured content a second time, which large answers feel. */
  encoded(): string {
    return `{"content":${JSON.stringify(this.content)},"structuredContent":${this.#json}}`;
  }
}

/** As {@link toToolResult}, for a result that goes to {@link encodeResult} unchanged. */
export const toNewResult = (value: unknown, tokens: number): CallToolResult =>
  wrap(value, tokens) as object as CallToolResult;

/** A result as JSON. */
export const encodeResult = (result: object): string =>
  result instanceof NewResult ? result.encoded() : JSON.stringify(result);

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
        if (this.errors.isKnown(error)) {
          call.answered = error;
          return of(this.errors.toToolResult(call, error));
        }
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
