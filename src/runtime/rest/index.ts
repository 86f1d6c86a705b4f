export { PageQueryDto } from './page-query.dto.js';
export { RestValidationPipe } from './rest-validation.pipe.js';
