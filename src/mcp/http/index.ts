export { BodyReader } from './body-reader.js';
export { AcceptHeader, HttpChecksMiddleware, requireStreamAccepted } from './http-checks.middleware.js';
export { HttpChecksModule } from './http-checks.module.js';
export { JsonRpcErrorFilter, sendJsonRpcError } from './json-rpc-error.filter.js';
