export { AuthModule } from './auth.module.js';
export { BearerGuard, type McpHttpRequest, OAUTH_PATHS, refuseOAuth } from './bearer.guard.js';
export { KeyValidator } from './key-validator.js';
export { PermissionGuard, permissionOf, RequiresPermission } from './permission.guard.js';
