import { Module } from '@nestjs/common';

import { QuotaGuard } from './quota.guard.js';
import { RatesService } from './rates.service.js';
import { RatesTools } from './rates.tools.js';

/** What CYBERUN_MODULES=cyberun-rates loads. */
@Module({ controllers: [RatesTools], providers: [RatesService, QuotaGuard] })
export class RatesModule {}
