import type { IncomingMessage } from 'node:http';

import type { AuthInfo } from '@modelcontextprotocol/server';

/** A request that came with a key. `keyHash` is the hash of the key, which sessions and streams are bound to. */
export type McpHttpRequest = IncomingMessage & { auth: AuthInfo & { readonly keyHash: string } };
