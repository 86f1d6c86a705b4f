import type { ServerResponse } from 'node:http';

/** In which forms errors are told here: as JSON-RPC, in the shape of the Runtime API, or as both in one. */
export interface Spoken {
  readonly jsonRpc: boolean;
  readonly rest: boolean;
}

/** JSON-RPC's code for what is refused before a method is called, as on the MCP path. */
const REFUSED = -32000;

/** An error as JSON, in every form that is spoken: which path was meant is not known. */
export const errorBody = (message: string, { jsonRpc, rest }: Spoken): string =>
  JSON.stringify({
    ...(jsonRpc && { jsonrpc: '2.0', error: { code: REFUSED, message }, id: null }),
    ...(rest && { error_message: message }),
  });

/** Answers a request that is none by the rules of HTTP, and ends its connection. */
export function refuse(
  response: ServerResponse,
  { status, message }: { readonly status: number; readonly message: string },
  spoken: Spoken,
): void {
  const body = errorBody(message, spoken);
  response.writeHead(status, {
    Connection: 'close',
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}
