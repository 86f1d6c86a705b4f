export { DefinitionFolder } from './definition-folder.js';
export { type YamlPath, YamlSource } from './yaml-source.js';
