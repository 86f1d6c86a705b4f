import { Module } from '@nestjs/common';

import { FilesModule } from '../files/index.js';
import { Retention } from './retention.js';

/** Removes what has been kept long enough. */
@Module({ imports: [FilesModule], providers: [Retention] })
export class RetentionModule {}
