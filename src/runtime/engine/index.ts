export { type Claim, Engine, type WorkRequirement } from './engine.js';
export { EngineModule } from './engine.module.js';
export { isEligible, LABEL } from './queue-name.js';
