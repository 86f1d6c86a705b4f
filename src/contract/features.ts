/**
 * Response header of a Runtime API: the names of what it has beyond the common API, separated by commas. A runtime without
 * the header has none of them.
 */
export const FEATURES_HEADER = 'cyberun-features';

/** What this server can use where the runtime announces it. */
export const FEATURES = [
  /** Runs take the request header `Idempotency-Key`. */
  'idempotency-key',
] as const;
export type Feature = (typeof FEATURES)[number];
