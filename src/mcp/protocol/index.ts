export { invalidParams } from './invalid-params.js';
export { CODE, JsonRpcHttpError, LIMIT_NAMES, type LimitName } from './json-rpc-http-error.js';
export {
  errorMessage,
  headerOf,
  isForSdk,
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
export {
  canAnswerRequests,
  negotiated,
  REVISIONS,
  type RevisionFamily,
  STATELESS_REVISION,
} from './revisions.js';
export { SERVER_INFO, type ServerInfo, serverInfo } from './server-info.js';
export {
  declaresTasks,
  type DetailedTask,
  hasEnded,
  isTaskMethod,
  TASK_METHODS,
  type TaskMethod,
  type TaskParams,
  taskParamsOf,
  TASKS_CAPABILITY,
  tasksNotDeclared,
} from './tasks-extension.js';
export { ErrorEnvelope, ForbiddenCall, ForbiddenEnvelope, InvalidInput, ToolError } from './tool-error.js';
