import type { Limits } from './limits.js';
import type { Settings } from './settings.js';

/** What a process of this package is; chosen on the command line. */
export type Role = 'all' | 'mcp' | 'runtime' | 'agent';

/** The settings and the role, validated and frozen; and the limits nobody has to set. */
export type Config = Readonly<Settings> & { readonly role: Role; readonly limits: Limits };

/** Injects a {@link Config}. */
export const CONFIG = Symbol('CONFIG');
