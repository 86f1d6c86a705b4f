export { FilesService, InputGone } from './files.service.js';
export { parseFileKey } from './file-key.js';
export { FilesModule } from './files.module.js';
export { type Audience, ObjectStore } from './object-store.js';
export { StoredFiles, TeamFilesFull } from './stored-files.js';
