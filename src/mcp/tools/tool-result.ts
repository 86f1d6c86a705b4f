import type { CallToolResult, ResourceLink } from '@modelcontextprotocol/server';

/** An answer that has more to show than its fields. */
class LinkedAnswer {
  constructor(
    readonly answer: object,
    readonly links: readonly ResourceLink[],
  ) {}
}

/** Shows links beside the fields of an answer. */
export const withLinks = (answer: object, links: readonly ResourceLink[]): object =>
  new LinkedAnswer(answer, links);

/** Wraps what a tool returned in a tool result: the fields, and the same as compact JSON. A result passes as it is. */
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

/** The result of a call that failed; the body is all that a model sees. */
export const failed = (body: object): CallToolResult => ({
  content: [{ type: 'text', text: JSON.stringify(body) }],
  structuredContent: { ...body },
  isError: true,
});

/** Whether it is one already; an answer of the API may have a field called `content` too. */
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
