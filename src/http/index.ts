export { BodyBudget, GrowingBuffer, isSmallBody, type Release } from './body-budget.js';
export { extendRequestTimeout } from './client-errors.js';
export { limitConnections } from './connection-limits.js';
export { bearerToken, EVENT_STREAM_HEADERS, isTraceparent } from './headers.js';
export { logWithReference } from './error-response.js';
export { closeUnlessRead } from './lingering-close.js';
export { closingOf } from './server-closing.js';
export { MemoryBudget, WriteBacklog } from './memory-budget.js';
