export type { KeyAdministration } from './key-administration.js';
export { KeysModule } from './keys.module.js';
export { openKeyAdministration } from './open-key-administration.js';
