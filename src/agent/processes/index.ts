export { LogTail } from './log-tail.js';
export { onLines } from './output-lines.js';
export type { ProcessEnd, ProcessGroup } from './process-group.js';
export { type Command, ProcessGroups } from './process-groups.js';
