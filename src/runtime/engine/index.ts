export { type Claim, Engine, isDelayed, isEligible, queueName, type WorkRequirement } from './engine.js';
export { EngineModule } from './engine.module.js';
