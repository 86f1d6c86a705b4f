import { Logger as NestLogger } from '@nestjs/common';

import { runAgent, runLocalAgent } from './agent/index.js';
import { type AgentFlags, isStartedByNpm, readAgentConfig, readConfig } from './config/index.js';
import { Logger } from './observability/index.js';
import { onParentEnd } from './preflight.js';

export interface AgentCommandOptions {
  readonly config: string | undefined;
  readonly isLocal: boolean;
  readonly flags: AgentFlags;
}

/** `cyberun-mcp agent`: runs until SIGTERM or SIGINT. */
export async function agentCommand({ config: file, isLocal, flags }: AgentCommandOptions): Promise<void> {
  NestLogger.overrideLogger(new Logger(readConfig('agent')));
  if (isLocal) return runLocalAgent();
  const config = readAgentConfig(flags, file);
  // As if the signal had arrived; no effect when it has.
  if (isStartedByNpm()) onParentEnd(() => process.emit('SIGTERM', 'SIGTERM'));
  return runAgent({
    gateways: config.agentGateway,
    key: config.agentKey,
    labels: config.agentLabels,
    slots: config.agentSlots,
    agentId: config.agentId,
    workDir: config.agentWorkDir,
    cacheDir: config.agentCacheDir,
    drainSeconds: config.agentDrainSeconds,
    confinement: {
      mode: config.agentConfine,
      hidden: config.agentKeyFile === undefined ? [] : [config.agentKeyFile],
    },
    isProxyShared: config.agentTaskProxies,
    containers: {
      socket: config.agentContainerSocket,
      volumes: config.agentVolumeAllow,
      capabilities: config.agentContainerCapabilities,
      registryCredentials: config.agentRegistryCredentials,
    },
  });
}
