import { join } from 'node:path';

import { Module } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import { Database } from '../database/index.js';
import { FileFolder, FileSweeper } from './file-folder.js';
import { FilesService } from './files.service.js';
import { LinkSigner, OBJECT_STORE, ownObjectStore } from './object-store.js';
import { ObjectController } from './object.controller.js';

/** Files and the built-in object store. */
@Module({
  controllers: [ObjectController],
  providers: [
    FilesService,
    LinkSigner,
    FileSweeper,
    {
      provide: OBJECT_STORE,
      // Depends on the database, which locks the folder.
      inject: [CONFIG, Database],
      useFactory: ({ dataDir }: Config) => ownObjectStore(dataDir),
    },
    {
      provide: FileFolder,
      inject: [CONFIG],
      useFactory: ({ dataDir }: Config) => new FileFolder(join(dataDir, 'files')),
    },
  ],
  exports: [FilesService],
})
export class FilesModule {}
