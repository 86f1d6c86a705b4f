import type { CallToolResult, ResourceLink } from '@modelcontextprotocol/server';

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

/** The result of a failed call; the body is all that a model sees. */
export const failed = (body: object): CallToolResult => ({
  content: [{ type: 'text', text: JSON.stringify(body) }],
  structuredContent: { ...body },
  isError: true,
});

/** Whether it is a tool result already; an API response may also have a field `content`. */
export const isToolResult = (value: unknown): value is CallToolResult =>
  isObject(value) && (isContent(value['content'], value) || value['resultType'] === 'input_required');

const MEMBERS: ReadonlySet<string> = new Set(['content', 'structuredContent', 'isError', '_meta']);

function isContent(content: unknown, whole: object): boolean {
  if (!Array.isArray(content)) return false;
  if (content.length === 0) return Object.keys(whole).every((member) => MEMBERS.has(member));
  return content.every((block) => isObject(block) && typeof block['type'] === 'string');
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
