export { type ExpiringLink, FilesService, type OutputOwner, type OutputUpload } from './files.service.js';
export { FilesModule } from './files.module.js';
export type { Audience } from './link-signer.js';
