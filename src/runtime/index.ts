export {
  type AppliedDefinition,
  openDefinitionAdministration,
  readDefinitionFiles,
  readDefinitions,
} from './apply/index.js';
export {
  BootstrapKey,
  checkNewCredential,
  type CredentialSummary,
  type KeyAdministration,
  openKeyAdministration,
  openNewKeyAdministration,
} from './credentials/index.js';
export {
  Database,
  type DatabaseFacts,
  DataDirLockedError,
  inspectDatabaseServer,
  inspectDataDir,
  inspectEmbeddedDatabase,
  isDataDir,
  lockHolder,
} from './database/index.js';
export { updateTables } from './engine/index.js';
export { checkBucket } from './files/index.js';
export { LocalAgent } from './gateway/index.js';
export { askRunningServer, type RunningServer } from './running/index.js';
export { type ExportCounts, openTransfer } from './transfer/index.js';
export { auditRequests, traceRequests } from './rest/index.js';
export { RuntimeModule } from './runtime.module.js';
