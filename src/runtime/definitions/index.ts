export * as containerFields from './container-fields.js';
export { type DeadlineAnswer, DeadlineWorker, HEAP_MB } from './deadline-worker.js';
export { DefinitionFolder } from './definition-folder.js';
export type { OwnedDefinition } from './slug-owners.js';
export { readDefinitionTexts } from './definition-texts.js';
export { contentHashOf, saveFilesBeside } from './stored-content.js';
export { DefinitionError, YamlReader, type YamlSource } from './yaml-source.js';
export type { YamlPath } from './yaml-worker.js';
