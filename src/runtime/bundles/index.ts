export { BundlesModule } from './bundles.module.js';
export { BundleRejected, BundlesService } from './bundles.service.js';
export { type Bundle, packBundle } from './pack-bundle.js';
