export { DefinitionError } from './definition-error.js';
export { DefinitionFolder, type DefinitionFolderOptions } from './definition-folder.js';
export { type YamlPath, YamlSource } from './yaml-source.js';
