export { LogTail, onLines } from './process-output.js';
export type { ProcessEnd, ProcessGroup } from './process-group.js';
export { type Command, ProcessGroups } from './process-groups.js';
