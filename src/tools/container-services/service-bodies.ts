import type { ResourceLink } from '@modelcontextprotocol/server';

import {
  type BodyLink,
  contentCodings,
  essenceOf,
  type InvokeAnswer,
  type InvokeRequest,
  isDecodable,
  isShownImage,
  isTextType,
  LARGEST_SHOWN_IMAGE,
  parseExact,
  withoutCodings,
} from '../../contract/index.js';
import { ToolError, withExtras } from '../../mcp/index.js';
import { marked } from '../untrusted.js';

type Headers = NonNullable<InvokeAnswer['headers']>;

/** The body of a request as a caller may write it; at most one of them. */
interface WrittenBody {
  readonly body_base64?: string | undefined;
  readonly body_text?: string | undefined;
  readonly body_json?: object | undefined;
}

const TEXT_TYPE = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json';

/**
 * The request with its body in base64, and with a content type where the caller names none.
 *
 * @throws {ToolError} when more than one body is given.
 */
export function encodedRequest<Request extends WrittenBody & Pick<InvokeRequest, 'headers'>>({
  body_base64,
  body_text,
  body_json,
  headers,
  ...request
}: Request) {
  const given = Object.entries({ body_base64, body_text, body_json }).filter(
    ([, body]) => body !== undefined,
  );
  if (given.length > 1) {
    const names = given.map(([name]) => name).join(' and ');
    throw new ToolError(
      `Invalid input. ${names} are both given: send the body in one of them and call again.`,
    );
  }
  const text = body_json === undefined ? body_text : JSON.stringify(body_json);
  if (text === undefined)
    return { ...request, ...(body_base64 !== undefined && { body_base64 }), ...(headers && { headers }) };
  const type = body_json === undefined ? TEXT_TYPE : JSON_TYPE;
  const isTyped = Object.keys(headers ?? {}).some((name) => name.toLowerCase() === 'content-type');
  return {
    ...request,
    body_base64: Buffer.from(text).toString('base64'),
    headers: isTyped ? headers : { ...headers, 'Content-Type': type },
  };
}

/** What the service wrote; its body in base64 is the same once more. */
const ANSWER_TEXTS = ['headers', 'body_json', 'body_text'];

/** More than a model can read of a compressed body, whose size does not tell how much comes out of it. */
const DECODED_LIMIT = 4 * 1024 * 1024;
const FETCH_IT =
  'The whole body is at body_link.url, which opens without a key for an hour: fetch it with your own shell (curl -L), or give the user the link.';
const FETCH_BY_KEY =
  'fetch the whole body with your own shell from the url that get_container_service returns, with the header "Authorization: Bearer" and your sk- key.';
const WHEN_CUT = `Ask the service for less, such as a page or a range; or ${FETCH_BY_KEY}`;
/** Some hosts show a model the structured content alone. */
const UNSEEN = 'The body is an image. If you do not see it:';

/**
 * The answer of a service with a body that a model can read: JSON and text beside the base64, small images as an image.
 *
 * @param prefer `text`: leave the base64 out where the body is readable.
 */
export async function readableAnswer(answer: InvokeAnswer, prefer: 'text' | undefined): Promise<object> {
  const { body_base64, body_link, link_fault, ...rest } = answer;
  if (!body_base64) return body_link ? linkedAnswer(rest, body_link) : marked(answer, ANSWER_TEXTS);
  const body = await decodedBody(Buffer.from(body_base64, 'base64'), answer.headers ?? {});
  const type = mediaTypeOf(answer.headers ?? {});
  const image = body && isShownImage(type.name) && body.length <= LARGEST_SHOWN_IMAGE ? body : undefined;
  const readable = body && readableBody(body, type);
  const isLeftOut = image !== undefined || (prefer === 'text' && readable !== undefined);
  const content = [
    ...(image ? [{ type: 'image' as const, data: image.toString('base64'), mimeType: type.name }] : []),
    ...(body_link ? [resourceLink(body_link)] : []),
  ];
  const shown = {
    ...rest,
    ...(body_link && { body_link }),
    ...readable,
    ...(!isLeftOut && { body_base64 }),
    ...(image && { note: `${UNSEEN} ${body_link ? FETCH_IT : FETCH_BY_KEY}` }),
  };
  return withExtras(marked(shown, readable ? ANSWER_TEXTS : [...ANSWER_TEXTS, 'body_base64']), {
    content,
    optional: ['body_base64'],
    repeated: readable ? ['body_base64'] : [],
    whenCut: whenCut(body_link, link_fault),
  });
}

/** An answer whose body is too large for anything but a link. */
const linkedAnswer = (answer: object, body_link: BodyLink): object =>
  withExtras(
    {
      ...marked(answer, ANSWER_TEXTS),
      body_link,
      note: `The body has ${body_link.size} bytes and comes as a link only. ${FETCH_IT}`,
    },
    { content: [resourceLink(body_link)] },
  );

const resourceLink = ({ url, file_name = 'answer', content_type, size }: BodyLink): ResourceLink => ({
  type: 'resource_link',
  uri: url,
  name: file_name,
  ...(content_type !== undefined && { mimeType: content_type }),
  ...(size !== undefined && { size }),
});

const whenCut = (link: BodyLink | null | undefined, fault: string | null | undefined): string => {
  if (link) return FETCH_IT;
  return fault ? `${fault} ${WHEN_CUT}` : WHEN_CUT;
};

interface MediaType {
  /** In lower case; empty when the service names none. */
  readonly name: string;
  readonly charset: string;
}

function mediaTypeOf(headers: Headers): MediaType {
  const [, value = ''] =
    Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type') ?? [];
  const text = (Array.isArray(value) ? value[0] : value) ?? '';
  const charset = /charset="?([\w-]+)/i.exec(text)?.[1] ?? 'utf-8';
  return { name: essenceOf(text), charset };
}

function readableBody(body: Buffer, { name, charset }: MediaType): object | undefined {
  const isJson = /[/+]json$/.test(name);
  if (!isTextType(name) && name !== '') return undefined;
  const text = decoded(body, charset);
  if (text === undefined) return undefined;
  const json = isJson ? parsed(text) : undefined;
  return json === undefined ? { body_text: text } : { body_json: json };
}

/** A body without its content codings; `undefined` when it is not what they say, or too large. */
async function decodedBody(body: Buffer, headers: Headers): Promise<Buffer | undefined> {
  const codings = contentCodings(headers);
  if (codings.length === 0) return body;
  if (!isDecodable(codings)) return undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of withoutCodings([body], codings)) {
      size += chunk.length;
      if (size > DECODED_LIMIT) return undefined;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch {
    return undefined;
  }
}

/** `undefined` when it is not text in this character set. */
function decoded(body: Buffer, charset: string): string | undefined {
  try {
    const text = new TextDecoder(charset, { fatal: true }).decode(body);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}

function parsed(text: string): unknown {
  try {
    return parseExact(text);
  } catch {
    return undefined;
  }
}
