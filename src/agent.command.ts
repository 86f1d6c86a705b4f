import { Logger as NestLogger } from '@nestjs/common';

import { runAgent, runLocalAgent } from './agent/index.js';
import { isStartedByNpm, readAgentKey, readConfig, SettingError } from './config/index.js';
import { Logger } from './observability/index.js';
import { onParentEnd } from './preflight.js';

export interface AgentCommandOptions {
  readonly gateway?: readonly string[];
  readonly id?: string;
  readonly workDir?: string;
  readonly local?: true;
}

/** `cyberun-mcp agent`: runs until SIGTERM or SIGINT. */
export async function agentCommand({ gateway, id, workDir, local }: AgentCommandOptions): Promise<void> {
  const config = readConfig('agent');
  NestLogger.overrideLogger(new Logger(config));
  if (local) return runLocalAgent();
  if (gateway === undefined) {
    throw new SettingError(
      'An agent needs --gateway, the address of its runtime. Example: --gateway https://runtime.example.com',
    );
  }
  // As if the signal had arrived; no effect when it has.
  if (isStartedByNpm()) onParentEnd(() => process.emit('SIGTERM', 'SIGTERM'));
  return runAgent({
    gateways: gateway,
    key: readAgentKey(),
    labels: config.agentLabels,
    slots: config.agentSlots,
    ...(id !== undefined && { agentId: id }),
    ...(workDir !== undefined && { workDir }),
  });
}
