export {
  type Candidates,
  Completion,
  type CompletionPayload,
  ResourceList,
  type ResourcePage,
  type ResourcePageQuery,
} from './decorators.js';
export { DeclaredMethods } from './declared-methods.js';
export { OtherRequests } from './other-requests.js';
export { ResourcesModule } from './resources.module.js';
