export type { Caller } from './caller.js';
export type { Hear, ServerSentEvent, UpstreamEventsRequest, UpstreamRequest, Verdict } from './request.js';
export { Cutoff } from './cutoff.js';
export { UpstreamClient } from './upstream.client.js';
export { UpstreamError, type UpstreamFailure } from './upstream-error.js';
export { UpstreamModule } from './upstream.module.js';
