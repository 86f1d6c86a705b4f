export { BootstrapKey } from './bootstrap-key.js';
export type { Credential, CredentialSummary, IssuedCredential, NewCredential } from './credential.js';
export { CurrentCredential, Requires } from './credential.decorators.js';
export { CredentialsModule } from './credentials.module.js';
export { CredentialsService } from './credentials.service.js';
export { CredentialsStore } from './credentials.store.js';
export { checkNewCredential, CredentialError } from './new-credential-check.js';
export { OpenCalls } from './open-calls.js';
export { IntegrationKeyGuard } from './integration-key.guard.js';
