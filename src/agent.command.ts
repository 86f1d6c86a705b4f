import { Logger as NestLogger } from '@nestjs/common';

import {
  JobProfiles,
  RUN_PARTS,
  runAgent,
  runKubernetesAgent,
  runLocalAgent,
  runOnce,
  type RunPart,
} from './agent/index.js';
import {
  type AgentConfig,
  type AgentFlags,
  isStartedByNpm,
  readAgentConfig,
  readConfig,
  SettingError,
} from './config/index.js';
import { Logger, startTraces } from './observability/index.js';
import { onParentEnd } from './preflight.js';

export interface AgentCommandOptions {
  readonly config: string | undefined;
  readonly isLocal: boolean;
  /** The only run to take, as in `task/1`. */
  readonly once: string | undefined;
  /** What to do of it, in a folder that is shared with the others. */
  readonly part: string | undefined;
  readonly sharedDir: string | undefined;
  readonly flags: AgentFlags;
}

/** `cyberun-mcp agent`: runs until SIGTERM or SIGINT, or until its only run is over. */
export async function agentCommand(options: AgentCommandOptions): Promise<void> {
  const common = readConfig('agent');
  NestLogger.overrideLogger(new Logger(common));
  const traces = await startTraces(common);
  traces.announce();
  try {
    await (options.isLocal ? runLocalAgent() : runStandaloneAgent(options));
  } finally {
    await traces.end();
  }
}

async function runStandaloneAgent({
  config: file,
  once,
  part,
  sharedDir,
  flags,
}: AgentCommandOptions): Promise<void> {
  const config = await readAgentConfig(flags, file);
  // As if the signal had arrived; no effect when it has.
  if (isStartedByNpm()) onParentEnd(() => process.emit('SIGTERM', 'SIGTERM'));
  const options = optionsOf(config);
  if (once !== undefined) process.exitCode = await runOnce(runIn(once), options, partOf(part, sharedDir));
  else if (config.agentExecutor === 'kubernetes') await runKubernetesAgent(options, kubernetesOf(config));
  else await runAgent(options);
}

function optionsOf(config: AgentConfig) {
  return {
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
  };
}

function kubernetesOf(config: AgentConfig) {
  const { agentKubernetesImage: image, agentKubernetesUrl: url } = config;
  if (image === undefined || url === undefined) {
    throw new SettingError(
      '--executor kubernetes needs --kubernetes-image, an image of cyberun-mcp for the pods of runs, and --kubernetes-url, the address at which these reach the agent. Example: --kubernetes-image registry.example.com/cyberun-mcp:1.2.3 --kubernetes-url http://cyberun-agent:8090',
    );
  }
  return {
    image,
    url,
    port: config.agentKubernetesPort,
    namespace: config.agentKubernetesNamespace,
    owner: config.agentKubernetesOwner,
    profiles: JobProfiles.read(config.agentKubernetesProfiles, config.agentLabels),
  };
}

function runIn(once: string) {
  const [, task_id = '', attempt] = /^([A-Za-z0-9_-]+)\/(\d+)$/.exec(once) ?? [];
  if (attempt === undefined)
    throw new SettingError('--once must name a task and its attempt. Example: --once 3f2c/1');
  return { task_id, attempt: Number(attempt) };
}

function partOf(part: string | undefined, folder: string | undefined): RunPart | undefined {
  if (part === undefined && folder === undefined) return undefined;
  const name = RUN_PARTS.find((known) => known === part);
  if (!name || folder === undefined)
    throw new SettingError(
      `--part must be ${RUN_PARTS.join(' or ')}, together with --shared-dir. Example: --once 3f2c/1 --part step --shared-dir /cyberun`,
    );
  return { name, folder };
}
