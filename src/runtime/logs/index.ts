export { BEGINNING, type LogFilter, type LogLine, type LogPlace, LogReader } from './log-reader.js';
export { LogWriter } from './log-writer.js';
export { LogsModule } from './logs.module.js';
export { removeOldLogs, removeTeamLogs } from './log-rows.js';
