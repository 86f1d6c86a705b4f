export { type Claim, Engine, isEligible, type WorkRequirement } from './engine.js';
export { EngineModule } from './engine.module.js';
