export { isDataDir } from './data-dir.js';
export { DataDirLockedError } from './data-dir-lock.js';
export { Database } from './database.js';
export { DatabaseModule, TEAM_ID } from './database.module.js';
export { defaultTeamId } from './default-team.js';
export { PgliteDatabase } from './pglite-database.js';
export type { Db, Schema, Tx } from './schema.js';
export { uuidV7 } from './uuid-v7.js';
export { syncFolder, writeWhole } from './write-whole.js';
