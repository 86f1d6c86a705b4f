export { AdminServer } from './admin-server.js';
export { AdminSocket } from './admin-socket.js';
export { BootstrapKey } from './bootstrap-key.js';
export { BrowserSessions, checkSameOrigin } from './browser-sessions.js';
export {
  checkNewCredential,
  type Credential,
  CREDENTIAL_KINDS,
  type CredentialSummary,
  type IssuedCredential,
} from './credential.js';
export { CurrentCredential, IntegrationKeyGuard, Requires } from './integration-key.guard.js';
export { CredentialsModule } from './credentials.module.js';
export { CredentialsService } from './credentials.service.js';
export { CredentialsStore } from './credentials.store.js';
export { OpenCalls } from './open-calls.js';
export { openKeyAdministration, openNewKeyAdministration } from './key-administration.js';
export { type KeyAdministration, teamIdOf } from './stored-keys.js';
