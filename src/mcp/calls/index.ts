export {
  type Accepted,
  ALREADY_ANSWERED,
  Call,
  EncodedResult,
  INTERRUPTED,
  type RecordedStream,
  Reply,
} from './call.js';
export { CallsModule } from './calls.module.js';
export { EventStream } from './event-stream.js';
export {
  type Indexed,
  IndexedSet,
  InFlightRequests,
  LimitCounter,
  type OpenCall,
} from './in-flight-requests.js';
export { type Operation, Operations } from './operations.js';
