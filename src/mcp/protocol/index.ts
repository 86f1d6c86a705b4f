export { type Bound, BOUNDS } from './bound.js';
export { eraOf, headerOf, MODERN } from './eras.js';
export { answersQuestions, negotiated } from './initialize.js';
export { invalidParams } from './invalid-params.js';
export {
  errorMessage,
  isNotice,
  isPlainList,
  isPlainMessage,
  isRecord,
  isRequest,
  isRequestId,
  jsonOf,
  noticeMessage,
  type NoticeMessage,
  plainCallIn,
  type RequestMessage,
  resultMessage,
} from './messages.js';
export { CODE, Refusal } from './refusal.js';
export { SERVER_INFO, type ServerInfo, serverInfo } from './server-info.js';
export { ErrorEnvelope, InvalidInput, ToolError } from './tool-error.js';
export { traceparentOf } from './traceparent.js';
