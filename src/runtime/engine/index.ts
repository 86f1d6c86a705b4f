export { type Claim, Engine, isDelayed, isEligible, queueName, type WorkRequirement } from './engine.js';
export { EngineModule } from './engine.module.js';
export type { ClaimedJob, StatementPart } from './job-statements.js';
export { updateTables } from './update-tables.js';
