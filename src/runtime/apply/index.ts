export type { AppliedDefinition } from './applied-definitions.js';
export { ApplyModule } from './apply.module.js';
export { openDefinitionAdministration } from './definition-administration.js';
export { readDefinitionFiles, readDefinitions } from './definition-files.js';
