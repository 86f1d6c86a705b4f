import type { Config } from '../../config/index.js';
import type { BucketAccount } from './link-signer.js';
import { type Endpoints, S3Store } from './s3-store.js';

/** The bucket of the settings; `undefined` when files are kept in the data folder. */
export function bucketOf(
  config: Config,
): { readonly account: BucketAccount; readonly endpoints: Endpoints } | undefined {
  const { s3Endpoint: endpoint, s3PublicEndpoint = endpoint, s3Bucket, s3AccessKeyId } = config;
  const { s3SecretAccessKey } = config;
  const isComplete = endpoint && s3PublicEndpoint && s3Bucket && s3AccessKeyId && s3SecretAccessKey;
  if (!isComplete) return undefined;
  const account = {
    bucket: s3Bucket,
    accessKeyId: s3AccessKeyId,
    secretAccessKey: s3SecretAccessKey,
    sessionToken: config.s3SessionToken,
    region: config.s3Region,
    addressing: config.s3Addressing,
  };
  return { account, endpoints: { internal: endpoint, public: s3PublicEndpoint } };
}

/**
 * Asks the object store of the settings for its bucket, as a start does. Returns the bucket and the endpoints; `undefined` when
 * files are kept in the data folder.
 *
 * @throws {StartError} when the bucket is missing, or the store refuses the access key or cannot be reached.
 */
export async function checkBucket(
  config: Config,
): Promise<(Endpoints & { readonly bucket: string }) | undefined> {
  const found = bucketOf(config);
  if (!found) return undefined;
  await S3Store.open(found.account, found.endpoints);
  return { ...found.endpoints, bucket: found.account.bucket };
}
