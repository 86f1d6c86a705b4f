export { PageQueryDto } from './page-query.dto.js';
export { RestModule } from './rest.module.js';
export { RestValidationPipe } from './rest-validation.pipe.js';
