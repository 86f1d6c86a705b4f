import { Module } from '@nestjs/common';

import { BundleDelivery } from './bundle-delivery.js';
import { BundlesStore } from './bundles.store.js';

/** Bundles (files beside definitions): storage, and delivery to agents. */
@Module({ providers: [BundlesStore, BundleDelivery], exports: [BundlesStore, BundleDelivery] })
export class BundlesModule {}
