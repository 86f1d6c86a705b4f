export { BootstrapKey, CredentialError } from './credentials/index.js';
export { DataDirLockedError } from './database/index.js';
export { type KeyAdministration, openKeyAdministration } from './keys/index.js';
export { LocalAgent } from './local-agent/index.js';
export { RuntimeModule } from './runtime.module.js';
