import type { Implementation, ServerCapabilities } from '@modelcontextprotocol/server';

import { packageVersion } from '../../config/index.js';
import { type Instructions, instructionsFor } from './instructions.js';

/** Name, capabilities and instructions of this server. */
export interface ServerInfo {
  readonly implementation: Implementation;
  readonly capabilities: ServerCapabilities;
  readonly instructions: Instructions;
}

/** Injects a {@link ServerInfo}. */
export const SERVER_INFO = Symbol('SERVER_INFO');

export const serverInfo: ServerInfo = {
  implementation: { name: 'cyberun-cloud', title: 'Cyberun Cloud', version: packageVersion },
  // mcp-nest's strategy announces logging unless the key is present.
  capabilities: { tools: { listChanged: true }, logging: undefined },
  instructions: instructionsFor,
};
