import { Logger, Module } from '@nestjs/common';

import { Addresses, CONFIG, type Config } from '../../config/index.js';
import { Database } from '../database/index.js';
import { RuntimeNode } from '../nodes/index.js';
import { AnswerFiles } from './answer-files.js';
import { bucketOf } from './configured-bucket.js';
import { DownloadLinks } from './download-links.js';
import { FileNodes } from './file-nodes.js';
import { FileQuotas } from './file-quotas.js';
import { FilesService } from './files.service.js';
import { FolderStore } from './folder-store.js';
import { LinksController } from './links.controller.js';
import { MultipartUploads } from './multipart-uploads.js';
import { ObjectStore } from './object-store.js';
import { ObjectController } from './object.controller.js';
import { ObjectRequests } from './object-requests.js';
import { S3Store } from './s3-store.js';
import { StoredFiles } from './stored-files.js';

/** Files, in the built-in object store or at an S3 endpoint. */
@Module({
  controllers: [LinksController, ObjectController],
  providers: [
    AnswerFiles,
    DownloadLinks,
    FilesService,
    FileNodes,
    FileQuotas,
    MultipartUploads,
    ObjectRequests,
    StoredFiles,
    {
      provide: ObjectStore,
      // Depends on the database, which locks the folder.
      inject: [CONFIG, Addresses, Database, RuntimeNode],
      useFactory: openStore,
    },
  ],
  exports: [AnswerFiles, DownloadLinks, FileNodes, FilesService, MultipartUploads, ObjectStore, StoredFiles],
})
export class FilesModule {}

async function openStore(
  config: Config,
  addresses: Addresses,
  database: Database,
  node: RuntimeNode,
): Promise<ObjectStore> {
  const store = await configuredStore(config, addresses, database);
  if (store.folderId !== null) node.keepFolder(store.folderId);
  await store.removeUnfinished().catch((error: unknown) => {
    new Logger('Files').warn({ error }, 'unfinished uploads of an earlier server could not be removed');
  });
  return store;
}

async function configuredStore(
  config: Config,
  addresses: Addresses,
  database: Database,
): Promise<ObjectStore> {
  const bucket = bucketOf(config);
  return bucket
    ? S3Store.open(bucket.account, bucket.endpoints)
    : FolderStore.open(config, addresses, database);
}
