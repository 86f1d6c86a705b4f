import { IsIn, IsNotEmpty, IsUrl } from 'class-validator';

import { RateSettings } from './rate-settings.js';
import { Setting } from './setting.decorator.js';
import { ACCESS_KEY_ID, BUCKET, Is, Optional, REGION, SECRET_TEXT, WEB_URL } from './setting-rules.js';

/** The object store of the embedded runtime. */
export class ObjectStoreSettings extends RateSettings {
  @Setting({
    env: 'CYBERUN_S3_ENDPOINT',
    meaning: 'S3 endpoint that keeps the files of the embedded runtime, without the bucket.',
    example: 'https://s3.eu-central-1.amazonaws.com',
    defaultText: 'empty: files in the data folder',
  })
  @Optional(IsUrl(WEB_URL))
  s3Endpoint?: string;

  @Setting({
    env: 'CYBERUN_S3_PUBLIC_ENDPOINT',
    meaning:
      'S3 endpoint in the links for clients and for agents that dial a public address, when they reach the store by another address than the runtime does.',
    example: 'https://files.example.com',
    defaultText: 'as CYBERUN_S3_ENDPOINT',
  })
  @Optional(IsUrl(WEB_URL))
  s3PublicEndpoint?: string;

  @Setting({
    env: 'CYBERUN_S3_BUCKET',
    meaning: 'Bucket of the files; it must exist.',
    example: 'cyberun-files',
    defaultText: 'empty; needed with CYBERUN_S3_ENDPOINT',
  })
  @Optional(Is(BUCKET))
  s3Bucket?: string;

  @Setting({
    env: 'CYBERUN_S3_REGION',
    meaning: 'Region of the bucket; stores without regions take any.',
    example: 'eu-central-1',
  })
  @IsNotEmpty()
  @Is(REGION)
  s3Region: string = 'us-east-1';

  @Setting({
    env: 'CYBERUN_S3_ACCESS_KEY_ID',
    meaning: 'Id of the access key, which may list, read, write and delete in the bucket.',
    example: 'AKIAIOSFODNN7EXAMPLE',
    defaultText: 'empty; needed with CYBERUN_S3_ENDPOINT',
  })
  @Optional(Is(ACCESS_KEY_ID))
  s3AccessKeyId?: string;

  @Setting({
    env: 'CYBERUN_S3_SECRET_ACCESS_KEY',
    meaning: 'Secret of the access key.',
    example: 'the secret that was shown when the access key was made',
    defaultText: 'empty; needed with CYBERUN_S3_ENDPOINT',
    isSecret: true,
  })
  @Optional(Is(SECRET_TEXT))
  s3SecretAccessKey?: string;

  @Setting({
    env: 'CYBERUN_S3_SESSION_TOKEN',
    meaning: 'Session token of a temporary access key.',
    example: 'the token that was issued with the access key',
    defaultText: 'empty: the access key is permanent',
    isSecret: true,
  })
  @Optional(Is(SECRET_TEXT))
  s3SessionToken?: string;

  @Setting({
    env: 'CYBERUN_S3_ADDRESSING',
    meaning: 'Where links name the bucket: path (host/bucket/key) or virtual-host (bucket.host/key).',
    example: 'virtual-host',
  })
  @IsIn(['path', 'virtual-host'])
  s3Addressing: 'path' | 'virtual-host' = 'path';
}
