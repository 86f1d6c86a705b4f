export { DownloadLinks } from './download-links.js';
export { FileNodes, NODE_AWAY } from './file-nodes.js';
export { FilesService, InputGone } from './files.service.js';
export { parseFileKey } from './file-key.js';
export { FilesModule } from './files.module.js';
export { type Audience, ObjectStore } from './object-store.js';
export { StoredFiles, TeamFilesFull } from './stored-files.js';
export { MultipartUploads, type NamedPart, UPLOAD_SECONDS } from './multipart-uploads.js';
export type { UploadGrant } from './upload-token.js';
