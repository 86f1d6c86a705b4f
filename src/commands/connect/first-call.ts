import { z } from 'zod';

import { CommandError, EXIT_CODES } from '../client/command-error.js';
import { httpFetch } from '../client/http-fetch.js';
import { parsedText } from '../client/json-text.js';
import type { Server } from '../client/server-address.js';

const REVISION = '2026-07-28';
const DEADLINE_MS = 15_000;

const REQUEST = {
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/list',
  params: {
    _meta: {
      'io.modelcontextprotocol/protocolVersion': REVISION,
      'io.modelcontextprotocol/clientInfo': { name: 'cyberun-mcp-connect', version: '1.0.0' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  },
};

const answerSchema = z.object({ result: z.object({ tools: z.array(z.object({ name: z.string() })) }) });

/**
 * Lists the tools once with the key, as a client does.
 *
 * @returns how many there are.
 * @throws {CommandError} when the client would not be served either.
 */
export async function firstCall(endpoint: string, { key, keyFrom }: Server): Promise<number> {
  const response = await httpFetch(new URL(endpoint), {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${key}`,
      Accept: 'application/json, text/event-stream',
      'Content-Type': 'application/json',
      'MCP-Protocol-Version': REVISION,
      'Mcp-Method': REQUEST.method,
    },
    body: JSON.stringify(REQUEST),
    // The key must not go elsewhere.
    redirect: 'manual',
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  const text = await response.text().catch(() => '');
  if (response.status === 401)
    throw new CommandError(
      `${endpoint} refuses the key of ${keyFrom}: it is wrong, revoked or expired. Get another one (on the machine of the server: cyberun-mcp keys create), and connect again.`,
      EXIT_CODES.signedOut,
    );
  const { data } = answerSchema.safeParse(parsedText(text));
  if (data) return data.result.tools.length;
  throw new CommandError(
    `${endpoint} answers with status ${response.status}, and not as the MCP endpoint of Cyberun. Name its address with --url.`,
    response.status >= 500 ? EXIT_CODES.unreachable : EXIT_CODES.refused,
  );
}
