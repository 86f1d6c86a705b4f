import 'reflect-metadata';

import { setFlagsFromString } from 'node:v8';

// PGlite is 8 MB of WebAssembly. To optimise it takes 2 s of a processor, which pays in a server and not in a test.
setFlagsFromString('--liftoff-only');
