export { BootstrapKey } from './bootstrap-key.js';
export { checkNewCredential, type Credential, type CredentialSummary } from './credential.js';
export { CurrentCredential, IntegrationKeyGuard, Requires } from './integration-key.guard.js';
export { CredentialsModule } from './credentials.module.js';
export { CredentialsService } from './credentials.service.js';
export { CredentialsStore } from './credentials.store.js';
export { OpenCalls } from './open-calls.js';
export { openKeyAdministration, openNewKeyAdministration } from './key-administration.js';
export type { KeyAdministration } from './stored-keys.js';
