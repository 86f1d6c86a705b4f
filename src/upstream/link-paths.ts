/** Where the Runtime API serves files without a key, by links that carry a signature. */
const LINK = /^\/api\/v1(\/(?:links|uploads|files)\/.+)$/;
/** Leads elsewhere, also where a proxy decodes it first. */
const UP = /(^|[/\\]|%2f|%5c)(\.|%2e){1,2}([/\\]|%2f|%5c|$)/i;

/**
 * Path and query of a link below the base of the Runtime API, unchanged, since both are signed; `undefined` for a target that
 * is none.
 */
export function linkPath(target: string): string | undefined {
  const [, below] = LINK.exec(target) ?? [];
  const [path = ''] = below?.split('?', 1) ?? [];
  return below === undefined || UP.test(path) ? undefined : below;
}

/**
 * The address at which this process reads or writes a file: a link of the Runtime API that begins with `publicOrigin`, where
 * clients reach it, is opened at the runtime itself, since the public address may not exist inside a cluster.
 */
export function reachable(url: string, publicOrigin: string, runtime: string): string {
  if (!url.startsWith(`${publicOrigin}/`)) return url;
  const path = linkPath(url.slice(publicOrigin.length));
  return path === undefined ? url : `${runtime}${path}`;
}
