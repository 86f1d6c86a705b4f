export { DefinitionFolder } from './definition-folder.js';
export type { Owned } from './definition-owners.js';
export { type YamlPath, YamlSource } from './yaml-source.js';
