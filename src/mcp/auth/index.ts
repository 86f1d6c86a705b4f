export { AuthModule } from './auth.module.js';
export { type McpHttpRequest, BearerGuard } from './bearer.guard.js';
export { KeyValidator } from './key-validator.js';
export { OAUTH_PATHS, refuseOAuth } from './no-oauth.js';
export { PermissionGuard, RequiresPermission } from './permission.guard.js';
