export type { KeyAdministration } from './key-administration.js';
export { KeysModule } from './keys.module.js';
export { openKeyAdministration, openNewKeyAdministration } from './open-key-administration.js';
