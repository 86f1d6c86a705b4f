import { type Config, errorText } from '../../config/index.js';
import { checkBucket } from '../../runtime/index.js';
import { httpFetch } from '../client/http-fetch.js';
import { type Finding, broken, passed } from './finding.js';

const LIMIT_MS = 4000;

/** Redis, which keeps the sessions of 2025-era clients. */
export async function checkRedis(url: string): Promise<Finding> {
  const { Redis } = await import('ioredis');
  const redis = new Redis(url, {
    lazyConnect: true,
    enableReadyCheck: false,
    connectTimeout: LIMIT_MS,
    commandTimeout: LIMIT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  const { host } = new URL(url);
  let problem: unknown;
  redis.on('error', (error: unknown) => (problem ??= error));
  try {
    await redis.connect();
    await redis.ping();
    // A user of Redis may lack this right.
    const [, version] = /^redis_version:(\S+)/m.exec(await redis.info('server').catch(() => '')) ?? [];
    return passed('redis', `Redis${version === undefined ? '' : ` ${version}`} at ${host} answers.`);
  } catch (error) {
    return broken(
      'redis',
      `CYBERUN_REDIS_URL leads to ${host}, but ${redisReason(problem ?? error)}.`,
      'Check the address, the user and the password of Redis. Until it answers, 2025-era clients get 503.',
    );
  } finally {
    redis.disconnect();
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such host',
  ETIMEDOUT: 'it does not answer',
};

function redisReason(error: unknown): string {
  const { code = '' } = error as { code?: string };
  const text = errorText(error);
  if (/WRONGPASS|NOAUTH|invalid password/.test(text)) return 'it refuses the user or the password';
  if (/timed out/i.test(text)) return 'it does not answer';
  return REASONS[code] ?? text.replace(/\.$/, '');
}

/** The bucket of the settings; none without a setting. */
export async function checkObjectStore(config: Config): Promise<Finding[]> {
  const bucket = await checkBucket(config);
  if (!bucket) return [];
  const { origin } = new URL(bucket.internal);
  const found = passed(
    'object store',
    `${origin} has the bucket ${bucket.bucket}, and takes the access key.`,
  );
  return bucket.public === bucket.internal ? [found] : [found, await checkStoreAddress(bucket.public)];
}

/** Any answer will do: without a signature the store refuses. */
async function checkStoreAddress(url: string): Promise<Finding> {
  const { origin } = new URL(url);
  await httpFetch(new URL(url), { redirect: 'manual', signal: AbortSignal.timeout(LIMIT_MS) });
  return passed('object store', `${origin}, the address in links, answers.`);
}

const NEEDS_KEY: ReadonlySet<number> = new Set([401, 403]);

/** The Runtime API that role mcp stands in front of. */
export async function checkRuntimeApi(runtimeUrl: string): Promise<Finding> {
  const url = new URL(`${runtimeUrl.replace(/\/+$/, '')}/r/workflows`);
  const signal = AbortSignal.timeout(LIMIT_MS);
  const response = await httpFetch(url, { redirect: 'manual', signal });
  await response.body?.cancel();
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  if (NEEDS_KEY.has(response.status) && isJson)
    return passed('runtime API', `${runtimeUrl} answers, and wants a key, as a Runtime API does.`);
  return broken(
    'runtime API',
    `${runtimeUrl} is not the address of a Runtime API (status ${response.status}).`,
    'Set CYBERUN_RUNTIME_URL to the address of one, ending in /api/v1.',
  );
}
