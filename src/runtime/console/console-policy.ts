import type { Config } from '../../config/index.js';

type StoreSettings = Pick<Config, 's3Endpoint' | 's3PublicEndpoint' | 's3Bucket'>;

/**
 * Content-Security-Policy of the console: scripts and styles of this server alone, and nothing inline. Files come from this
 * server or from the object store.
 */
export function consolePolicy(config: StoreSettings): string {
  const files = ["'self'", ...storeOrigins(config)].join(' ');
  const policy = {
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': "'self'",
    'img-src': `${files} data: blob:`,
    'connect-src': files,
    'manifest-src': "'self'",
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
  };
  return Object.entries(policy)
    .map(([name, sources]) => `${name} ${sources}`)
    .join('; ');
}

/** Where browsers reach the object store: its address, and that of the bucket as a host of its own. */
function storeOrigins({ s3Endpoint, s3PublicEndpoint = s3Endpoint, s3Bucket }: StoreSettings): string[] {
  if (s3PublicEndpoint === undefined || s3Bucket === undefined) return [];
  const { protocol, host, origin } = new URL(s3PublicEndpoint);
  return [origin, `${protocol}//${s3Bucket}.${host}`];
}
