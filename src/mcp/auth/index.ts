export { AuthModule } from './auth.module.js';
export { BearerGuard } from './bearer.guard.js';
export { KeyVerdicts } from './key-verdicts.js';
export type { KeyedRequest } from './keyed-request.js';
export { OAUTH_PATHS, refuseOAuth } from './no-oauth.js';
export { PermissionGuard, RequiresPermission } from './permission.guard.js';
