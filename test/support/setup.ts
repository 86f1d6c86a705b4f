import 'reflect-metadata';

import { setFlagsFromString } from 'node:v8';

/**
 * Flags of Node for tests and the programs they start. PGlite is 8 MB of WebAssembly: to optimise it takes 2 s of a
 * processor, which pays in a server and not in a test.
 */
export const FLAGS = ['--liftoff-only'];

for (const flag of FLAGS) setFlagsFromString(flag);
