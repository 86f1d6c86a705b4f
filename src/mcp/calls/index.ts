export { type ToolFailure } from './audited-call.js';
export { type Accepted, ALREADY_ANSWERED, Call, INTERRUPTED } from './call.js';
export { CallsModule } from './calls.module.js';
export { EventStream } from './event-stream.js';
export { type Indexed, IndexedSet, InFlightRequests, type OpenCall } from './in-flight-requests.js';
export { LimitCounter } from './limit-counter.js';
export { type Operation, Operations } from './operations.js';
export { EncodedResult, type RecordedStream, Reply } from './reply.js';
