export { isDataDir } from './data-dir.js';
export { DataDirLockedError } from './data-dir-lock.js';
export { Database, type DatabaseSettings, storable } from './database.js';
export { DatabaseUnavailable, logFailure, whenReachable, withoutDatabase } from './database-unavailable.js';
export { openCommandDatabase, openDatabase } from './open-database.js';
export { DatabaseModule, DEFAULT_TEAM, defaultTeamId, TEAM_ID } from './database.module.js';
export type { Db, DefinitionSource, Schema, Tx } from './schema.js';
export { smallestIdAt, uuidV7 } from './uuid-v7.js';
export { syncFolder, writeAtomically } from './atomic-write.js';
