import { Module } from '@nestjs/common';

import { BundleDelivery } from './bundle-delivery.js';
import { BundlesStore } from './bundles.store.js';

/** The files beside definitions, and how they reach the agents. */
@Module({ providers: [BundlesStore, BundleDelivery], exports: [BundlesStore, BundleDelivery] })
export class BundlesModule {}
