import { z } from 'zod';

import { errorText } from '../../config/index.js';
import { httpFetch } from '../client/http-fetch.js';
import { parsedText } from '../client/json-text.js';

const LIMIT_MS = 4000;
/** What an address of ours answers without a key, when it serves no MCP endpoint. */
const NEEDS_KEY = /integration key|sk-/;

/** Who answers at an address. */
export type SeenServer =
  | {
      readonly kind: 'ours';
      readonly version?: string | undefined;
      /** The MCP endpoint as the server itself names it. */
      readonly endpoint?: string | undefined;
      readonly aheadMs: number | undefined;
    }
  | { readonly kind: 'other'; readonly status: number; readonly location?: string }
  | { readonly kind: 'silent'; readonly reason: string };

/** Asks for what every server of ours has: its card, or in role runtime its API. No key is sent. */
export async function serverAt(origin: string): Promise<SeenServer> {
  try {
    const card = await answerOf(`${origin}/api/v1/mcp/server-card`);
    const { data: ours } = serverCard.safeParse(card.body);
    if (card.status === 200 && ours) {
      const { version, remotes } = ours;
      return { kind: 'ours', version, endpoint: remotes[0]?.url, aheadMs: card.aheadMs };
    }
    const api = await answerOf(`${origin}/api/v1/r/workflows`);
    const { error_message } = api.body as { error_message?: unknown };
    if (api.status === 401 && NEEDS_KEY.test(String(error_message)))
      return { kind: 'ours', aheadMs: api.aheadMs };
    const { status, location } = card.status === 404 ? api : card;
    return { kind: 'other', status, ...(location && { location }) };
  } catch (error) {
    return { kind: 'silent', reason: errorText(error) };
  }
}

/** The part of the card of a server by which it is known. */
const serverCard = z.object({
  name: z.literal('cloud.cyberun/cyberun-mcp'),
  version: z.string(),
  remotes: z.array(z.object({ url: z.string() })),
});

async function answerOf(url: string) {
  const askedAt = Date.now();
  const response = await httpFetch(new URL(url), {
    headers: { Accept: 'application/json' },
    redirect: 'manual',
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  const date = Date.parse(response.headers.get('date') ?? '');
  // A header has whole seconds, rounded down.
  const aheadMs = Number.isFinite(date) ? date + 500 - (askedAt + Date.now()) / 2 : undefined;
  const body = parsedText(await response.text()) ?? {};
  const location = response.headers.get('location') ?? undefined;
  return { status: response.status, body: typeof body === 'object' ? body : {}, location, aheadMs };
}

/** Whether the metrics or the probes of a server of ours answer at an address. */
export async function isProbeOfOurs(origin: string, setting: string): Promise<boolean> {
  const path = setting === 'CYBERUN_METRICS_PORT' ? '/metrics' : '/health/live';
  try {
    const response = await httpFetch(new URL(path, origin), { signal: AbortSignal.timeout(LIMIT_MS) });
    const text = await response.text();
    return path === '/metrics' ? /^cyberun_/m.test(text) : /"(status|error_message)":/.test(text);
  } catch {
    return false;
  }
}
