import { TRACEPARENT_META_KEY } from '@modelcontextprotocol/server';

import { isTraceparent } from '../../http/index.js';

/** The trace a request is part of, as its message or else its HTTP header says. */
export function traceparentOf(
  meta: object | undefined,
  header: string | readonly string[] | undefined,
): string | undefined {
  const named: unknown = meta && Reflect.get(meta, TRACEPARENT_META_KEY);
  return [named, header].find(isTraceparent);
}
