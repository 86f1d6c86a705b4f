/** A request of the table: what is sent, and which listed difference it may show. */
export interface Row {
  readonly what: string;
  readonly method?: string;
  /** Added to what a well-behaved client of the revision sends; `null` takes a header away. */
  readonly headers?: Readonly<Record<string, string | null>> | undefined;
  /** `live`: a session opened for this row; any other text is sent as it is; absent: no session header. */
  readonly session?: string;
  readonly body?: unknown;
  /** Sent instead of `body`, byte by byte. */
  readonly raw?: string | Buffer;
  /** The answer is a stream, so the SDK's transport must not be kept to plain JSON. */
  readonly streams?: true;
  readonly difference?: keyof typeof DIFFERENCES;
}

/** The only ways in which our answers may differ from the SDK's, with the rule that says so. */
export const DIFFERENCES = {
  invalidUtf8:
    '2025-06-18 basic/transports: "JSON-RPC messages MUST be UTF-8 encoded." The SDK decodes broken bytes to U+FFFD and goes on with a changed text; we answer -32700.',
  accept:
    'RFC 9110 section 12.5.1: "Media ranges can be overridden by more specific media ranges", so */* takes both forms of an answer; the SDK looks for their names in the text. And 2026-07-28 basic/transports: "The client MUST include an Accept header, listing both application/json and text/event-stream", which the SDK does not check in that revision.',
  unknownTool:
    '2025-11-25 server/tools: "Protocol Errors: Standard JSON-RPC errors for issues like: Unknown tools". The SDK says "Tool x not found"; but for a name every JavaScript object has it says "disabled", although there is no such tool.',
  batches:
    '2025-06-18 changelog: "Remove support for JSON-RPC batching." The SDK takes batches at every revision; we answer 400 with -32600 in sessions of revisions without them.',
  invalidParams:
    'JSON-RPC 2.0: "-32602 Invalid params", and 2025-11-25 server/utilities/pagination: "Invalid cursors SHOULD result in an error with code -32602." The SDK answers with the text of its schema library as an internal error, takes every cursor, and says of a malformed initialize that it lacks a session id; we name the fields.',
} as const;

export const LEGACY = '2025-11-25';
export const MODERN = '2026-07-28';

export const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientInfo': { name: 'table', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': {},
} as const;

export const rpc = (method: string, params?: unknown, id: unknown = 1): Record<string, unknown> => ({
  jsonrpc: '2.0',
  id,
  method,
  ...(params !== undefined && { params }),
});

export const notice = (method: string, params?: unknown): Record<string, unknown> => ({
  jsonrpc: '2.0',
  method,
  ...(params !== undefined && { params }),
});

export const initialize = (protocolVersion: string, more: object = {}): Record<string, unknown> =>
  rpc('initialize', {
    protocolVersion,
    capabilities: {},
    clientInfo: { name: 'table', version: '1.0.0' },
    ...more,
  });
