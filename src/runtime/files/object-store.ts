/** Access to an S3 bucket, the built-in one or another; the credentials are what links are signed with. */
export interface ObjectStore {
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Injects the {@link ObjectStore}. */
export const OBJECT_STORE = Symbol('OBJECT_STORE');

/** Path of the built-in S3 subset below an origin. */
export const FILES_PATH = '/api/v1/files';
