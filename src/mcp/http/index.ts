export { Accept, requireStreamAccepted } from './accept.js';
export { BodyReader } from './body-reader.js';
export { EdgeMiddleware } from './edge.middleware.js';
export { HttpChecksModule } from './http-checks.module.js';
export { RefusalFilter } from './refusal.filter.js';
export { sendRefusal } from './send-refusal.js';
