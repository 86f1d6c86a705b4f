export { BootstrapKey, checkNewCredential, type CredentialSummary } from './credentials/index.js';
export { DataDirLockedError, isDataDir } from './database/index.js';
export { type KeyAdministration, openKeyAdministration, openNewKeyAdministration } from './keys/index.js';
export { LocalAgent } from './local-agent/index.js';
export { RuntimeModule } from './runtime.module.js';
