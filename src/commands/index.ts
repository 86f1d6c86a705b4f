export { addAdministrationCommands } from './administration/administration-commands.js';
export { addClientCommands, CLIENT_COMMANDS, clientCommandLine } from './client-commands.js';
export { CommandError, EXIT_CODE_MEANINGS } from './client/command-error.js';
export { completionScript, type Shell, SHELLS } from './completion.js';
export { listenFailure } from './listen-failure.js';
