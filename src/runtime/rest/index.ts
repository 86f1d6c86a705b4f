export { JsonBody, LARGE_BODY } from './json-bodies.js';
export { NoQuery, RestValidationPipe } from './rest-validation.pipe.js';
export { PageQueryDto } from './page-query.dto.js';
export { RestModule } from './rest.module.js';
