import { packageVersion } from '../config/index.js';
import type { Caller } from './caller.js';
import { pathOf } from './path.js';
import type { Asked } from './request.js';

const TRACEPARENT = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/;

/** Address of a call; the base keeps its own path. `undefined` when the path is not safe. */
export function urlOf(base: string, { path, query = {} }: Asked): string | undefined {
  const below = pathOf(path);
  if (below === undefined) return undefined;
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  return `${base}/${below}${search.size === 0 ? '' : `?${search.toString()}`}`;
}

/** Of what the client sent, the key and the trace go on; nothing else does. */
export function headersFor(
  { key, traceparent }: Caller,
  { body, accept, lastEventId }: Asked,
): Record<string, string> {
  return {
    Authorization: `Bearer ${key}`,
    Accept: accept ?? 'application/json',
    'User-Agent': `cyberun-mcp/${packageVersion}`,
    ...(body && { 'Content-Type': 'application/json' }),
    ...(lastEventId !== undefined && { 'Last-Event-ID': lastEventId }),
    ...(traceparent !== undefined && TRACEPARENT.test(traceparent) && { traceparent }),
  };
}
