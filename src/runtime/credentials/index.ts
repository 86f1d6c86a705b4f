export { type Credential, type CredentialKind, type Permission, PERMISSIONS } from './credential.js';
export { type AuthenticatedRequest, CurrentCredential, Requires } from './credential.decorators.js';
export { CredentialsService } from './credentials.service.js';
export { IntegrationKeyGuard } from './integration-key.guard.js';
