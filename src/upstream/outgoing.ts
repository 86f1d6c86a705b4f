import { packageVersion } from '../config/index.js';
import type { Caller } from './caller.js';
import { pathOf } from './path.js';
import type { Asked } from './request.js';

const TRACEPARENT = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/;

/** Address of a call below the base URL; `undefined` when the path is not safe. */
export function targetOf({ path, query }: Asked): string | undefined {
  const below = pathOf(path);
  if (below === undefined || query === undefined) return below;
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  return search.size === 0 ? below : `${below}?${search.toString()}`;
}

const USER_AGENT = `cyberun-mcp/${packageVersion}`;

/** Of what the client sent, the key and the trace go on; nothing else does. */
export function headersFor(
  { key, traceparent }: Caller,
  { body, accept, lastEventId }: Asked,
): Record<string, string> {
  return {
    Authorization: `Bearer ${key}`,
    Accept: accept ?? 'application/json',
    'User-Agent': USER_AGENT,
    ...(body && { 'Content-Type': 'application/json' }),
    ...(lastEventId !== undefined && { 'Last-Event-ID': lastEventId }),
    ...(traceparent !== undefined && TRACEPARENT.test(traceparent) && { traceparent }),
  };
}
