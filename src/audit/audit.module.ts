import { Module } from '@nestjs/common';

import { AuditLog } from './audit-log.js';

/** The audit of this process. */
@Module({ providers: [AuditLog], exports: [AuditLog] })
export class AuditModule {}
