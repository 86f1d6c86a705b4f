/** What there is only so much of. */
export const LIMIT_NAMES = [
  'url_length',
  'body_size',
  'body_time',
  'bodies_total',
  'batch_size',
  'hello_size',
  'sessions',
  'sessions_per_key',
  'requests',
  'requests_per_key',
  'requests_per_session',
  'streams_per_session',
] as const;

export type LimitName = (typeof LIMIT_NAMES)[number];
