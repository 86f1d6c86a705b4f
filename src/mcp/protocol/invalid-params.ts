import { type ServerCapabilities, specTypeSchemas } from '@modelcontextprotocol/server';

import { isRecord, type RequestMessage } from './messages.js';

interface Method {
  /** A method of a capability that is not announced is unknown, with any params. */
  readonly capability?: keyof ServerCapabilities;
  readonly schema: keyof typeof specTypeSchemas;
}

const METHODS: ReadonlyMap<string, Method> = new Map<string, Method>([
  ['initialize', { schema: 'InitializeRequest' }],
  ['tools/list', { schema: 'ListToolsRequest' }],
  ['tools/call', { schema: 'CallToolRequest' }],
  ['resources/list', { schema: 'ListResourcesRequest', capability: 'resources' }],
  ['resources/templates/list', { schema: 'ListResourceTemplatesRequest', capability: 'resources' }],
  ['resources/read', { schema: 'ReadResourceRequest', capability: 'resources' }],
  ['resources/subscribe', { schema: 'SubscribeRequest', capability: 'resources' }],
  ['resources/unsubscribe', { schema: 'UnsubscribeRequest', capability: 'resources' }],
  ['prompts/list', { schema: 'ListPromptsRequest', capability: 'prompts' }],
  ['prompts/get', { schema: 'GetPromptRequest', capability: 'prompts' }],
  ['completion/complete', { schema: 'CompleteRequest', capability: 'completions' }],
  ['logging/setLevel', { schema: 'SetLevelRequest', capability: 'logging' }],
]);

const UNKNOWN_CURSOR =
  'params.cursor is not one of this server, which lists all tools on one page and gives no cursors; leave it out';

/** The used part of a zod issue; its own text is for developers of schemas. */
interface Issue {
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  readonly expected?: unknown;
}

/**
 * The error of invalid params, in one sentence that names every field; `undefined` for valid ones. The SDK
 * would answer with the text of its schema library, as an internal error.
 */
export function invalidParams(
  { method, params }: Pick<RequestMessage, 'method'> & { readonly params?: unknown },
  capabilities: ServerCapabilities,
): string | undefined {
  const known = METHODS.get(method);
  if (!known || (known.capability && !capabilities[known.capability])) return undefined;
  // Other members are checked elsewhere.
  const { issues = [] } = specTypeSchemas[known.schema]['~standard'].validate({ method, params });
  const faults = issues.map((issue) => faultOf(issue, params));
  if (faults.length === 0 && method === 'tools/list' && hasCursor(params)) faults.push(UNKNOWN_CURSOR);
  return faults.length === 0 ? undefined : `Invalid params: ${faults.join('; ')}.`;
}

/** Some libraries send an empty cursor for the first page. */
const hasCursor = (params: unknown): boolean =>
  isRecord(params) && params['cursor'] !== undefined && params['cursor'] !== '';

function faultOf({ path = [], expected }: Issue, params: unknown): string {
  const keys = path.map((step) => (typeof step === 'object' ? step.key : step));
  const field = keys.map(String).join('.');
  const found = keys.slice(1).reduce<unknown>(memberOf, params);
  const wanted = typeof expected === 'string' ? WANTED[expected] : undefined;
  if (found === undefined)
    return `${field} is missing${wanted === undefined ? '' : `; it must be ${wanted}`}`;
  return `${field} ${wanted === undefined ? 'has a value that MCP does not allow there' : `must be ${wanted}`}`;
}

const memberOf = (value: unknown, key: PropertyKey): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;

const WANTED: Readonly<Record<string, string>> = {
  object: 'an object',
  record: 'an object',
  array: 'a list',
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
};
