export { AuthModule } from './auth.module.js';
export { BearerGuard } from './bearer.guard.js';
export { isAllowed, type McpHttpRequest } from './mcp-http-request.js';
export { RateCost, RateCostGuard } from './rate-cost.guard.js';
export { requireWithinRate } from './rate-error.js';
export { KeyValidator } from './key-validator.js';
export { PermissionGuard, permissionOf, RequiresPermission } from './permission.guard.js';
