export { Backoff, isTemporary } from './backoff.js';
export { Deadline } from './deadline.js';
export { type FilePart, FileTransfer } from './file-transfer.js';
export { LinkForwardingModule } from './link-forwarding.module.js';
export type {
  Caller,
  NeededFeature,
  OnEvent,
  ServerSentEvent,
  UpstreamEventsRequest,
  UpstreamRequest,
} from './request.js';
export { type KeyValidation, UpstreamClient } from './upstream.client.js';
export { UpstreamError, type UpstreamFailure } from './upstream-error.js';
export { UpstreamModule } from './upstream.module.js';
