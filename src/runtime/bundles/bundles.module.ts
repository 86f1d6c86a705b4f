import { Module } from '@nestjs/common';

import { BundlesService } from './bundles.service.js';

/** Bundles (files beside definitions): storage, and delivery to agents. */
@Module({ providers: [BundlesService], exports: [BundlesService] })
export class BundlesModule {}
