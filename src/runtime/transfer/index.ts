export type { ExportCounts } from './export-format.js';
export { openTransfer } from './runtime-transfer.js';
