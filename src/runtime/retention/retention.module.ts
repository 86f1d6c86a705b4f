import { Module } from '@nestjs/common';

import { Retention } from './retention.js';

/** Removes what has been kept long enough. */
@Module({ providers: [Retention] })
export class RetentionModule {}
