import { TRACEPARENT_META_KEY } from '@modelcontextprotocol/server';

/** W3C trace context: version, trace, parent, flags; an all-zero id means there is none. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The trace a request is part of, as its message or else its HTTP header says. */
export function traceparentOf(
  meta: object | undefined,
  header: string | readonly string[] | undefined,
): string | undefined {
  const named: unknown = meta && Reflect.get(meta, TRACEPARENT_META_KEY);
  return [named, header].find(isTraceparent);
}

const isTraceparent = (value: unknown): value is string =>
  typeof value === 'string' && TRACEPARENT.test(value);
