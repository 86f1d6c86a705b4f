export { addAdministrationCommands } from './administration/administration-commands.js';
