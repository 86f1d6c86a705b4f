export { type Claim, Engine, isEligible, queueName, type WorkRequirement } from './engine.js';
export { EngineModule } from './engine.module.js';
