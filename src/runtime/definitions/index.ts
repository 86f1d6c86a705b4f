export { DefinitionFolder } from './definition-folder.js';
export type { Owned } from './definition-owners.js';
export { YamlReader } from './yaml-reader.js';
export type { YamlSource } from './yaml-source.js';
export type { YamlPath } from './yaml-text.js';
