export { AuditLog, type AuditOutcome, auditOutcomeOf } from './audit-log.js';
export { AuditModule } from './audit.module.js';
export { auditedIds } from './audited-ids.js';
