export { JsonBody, LARGE_BODY, SMALL_BODY } from './json-bodies.js';
export { NoQuery, RestValidationPipe } from './rest-validation.pipe.js';
export { PageQueryDto } from './page-query.dto.js';
export { auditRequests } from './request-audit.js';
export { traceRequests } from './request-spans.js';
export { RestModule } from './rest.module.js';
