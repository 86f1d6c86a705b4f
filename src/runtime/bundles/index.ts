export { BundleDelivery, BundleRejected } from './bundle-delivery.js';
export { BundlesModule } from './bundles.module.js';
export { BundlesStore } from './bundles.store.js';
export { type Bundle, packBundle } from './pack-bundle.js';
