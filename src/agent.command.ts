import { Logger as NestLogger } from '@nestjs/common';

import { runAgent, runLocalAgent } from './agent/index.js';
import { readConfig, SettingError } from './config/index.js';
import { Logger } from './observability/index.js';

export interface AgentOptions {
  readonly gateway?: string;
  readonly id?: string;
  readonly local?: true;
}

/** `cyberun-mcp agent`: works until the process is told to end. */
export async function agent({ gateway, id, local }: AgentOptions): Promise<void> {
  const config = readConfig('agent');
  NestLogger.overrideLogger(new Logger(config));
  if (local) return runLocalAgent();
  const key = process.env['CYBERUN_AGENT_KEY'];
  if (gateway === undefined) {
    throw new SettingError(
      'An agent needs --gateway, the address of its runtime. Example: --gateway https://runtime.example.com',
    );
  }
  if (!key?.startsWith('ak-')) {
    throw new SettingError(
      'CYBERUN_AGENT_KEY must hold an ak- key. Make one at the runtime with: cyberun-mcp keys create --kind agent',
    );
  }
  return runAgent({
    gateway,
    key,
    labels: config.agentLabels,
    slots: config.agentSlots,
    ...(id !== undefined && { agentId: id }),
  });
}
