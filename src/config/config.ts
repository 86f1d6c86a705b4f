import type { Settings } from './settings.js';

/** What a process of this package is; chosen on the command line. */
export type Role = 'all' | 'mcp' | 'runtime' | 'agent';

/** The settings and the role, validated and frozen. */
export type Config = Readonly<Settings> & { readonly role: Role };

/** Injects a {@link Config}. */
export const CONFIG = Symbol('CONFIG');
