export { JsonBody } from './json-body.interceptor.js';
export { LARGE_BODY } from './json-bodies.js';
export { NoQuery } from './no-query.interceptor.js';
export { PageQueryDto } from './page-query.dto.js';
export { RestModule } from './rest.module.js';
export { RestValidationPipe } from './rest-validation.pipe.js';
