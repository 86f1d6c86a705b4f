export { canAnswerRequests, negotiated } from './initialize.js';
export { invalidParams } from './invalid-params.js';
export { CODE, JsonRpcHttpError } from './json-rpc-http-error.js';
export { type LimitName, LIMIT_NAMES } from './limit-names.js';
export {
  errorMessage,
  isNotification,
  isPlainList,
  isPlainMessage,
  isRecord,
  isRequest,
  isRequestId,
  jsonOf,
  notificationMessage,
  type NotificationMessage,
  plainCallOf,
  type RequestMessage,
  resultMessage,
} from './messages.js';
export { type RevisionFamily, revisionFamilyOf, headerOf, STATELESS_REVISION } from './revisions.js';
export { SERVER_INFO, type ServerInfo, serverInfo } from './server-info.js';
export { ErrorEnvelope, InvalidInput, ToolError } from './tool-error.js';
export { traceparentOf } from './traceparent.js';
