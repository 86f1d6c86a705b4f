import { Module } from '@nestjs/common';

import { AdminServer } from './admin-server.js';

/** Keys, for the operator. */
@Module({ providers: [AdminServer] })
export class KeysModule {}
