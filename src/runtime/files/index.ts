export { type Audience, FilesService, type OutputOwner, type OutputUpload } from './files.service.js';
