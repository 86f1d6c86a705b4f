import { availableParallelism } from 'node:os';

import { ArrayNotEmpty, IsBoolean, IsIn } from 'class-validator';

import { RuntimeSettings } from './runtime-settings.js';
import { Setting } from './setting.decorator.js';
import {
  AGENT_LABEL,
  ALLOWED_VOLUME,
  CAPABILITY,
  CONTAINER_SOCKET,
  Each,
  Is,
  Optional,
  WholeNumber,
} from './setting-rules.js';

/**
 * Settings of an agent, also of the local one of role `all`. For other agents each is also a flag and a key of their file:
 * `CYBERUN_AGENT_SLOTS`, `--slots`, `slots`.
 */
export class AgentSettings extends RuntimeSettings {
  @Setting({
    env: 'CYBERUN_AGENT_SLOTS',
    meaning: 'Tasks that the agent runs at the same time.',
    example: '4',
    defaultText: 'number of cores',
  })
  @WholeNumber(1, 1024)
  agentSlots: number = availableParallelism();

  @Setting({
    env: 'CYBERUN_AGENT_LABELS',
    meaning: 'Labels of the agent, separated by commas; a workflow runs where all its labels are found.',
    example: 'local,gpu',
  })
  @ArrayNotEmpty()
  @Each(AGENT_LABEL)
  agentLabels: string[] = ['local'];

  @Setting({
    env: 'CYBERUN_AGENT_DRAIN_SECONDS',
    meaning:
      'Seconds that runs may go on after SIGTERM; the agent takes no further ones, and gives back those that have not ended. A second signal ends it at once.',
    example: '600',
  })
  @WholeNumber(0, 86_400)
  agentDrainSeconds: number = 10;

  @Setting({
    env: 'CYBERUN_AGENT_CONFINE',
    meaning:
      'Confines the processes of runs by bubblewrap, see docs/operations.md: `off`, `auto` (where it works) or `bubblewrap` (the agent does not start without it).',
    example: 'auto',
  })
  @IsIn(['off', 'auto', 'bubblewrap'])
  agentConfine: string = 'off';

  @Setting({
    env: 'CYBERUN_AGENT_CONTAINER_SOCKET',
    meaning:
      'Socket of Docker or Podman, for steps and services that are containers; `auto` looks where they usually listen, `off` runs none.',
    example: '/run/podman/podman.sock',
  })
  @Is(CONTAINER_SOCKET)
  agentContainerSocket: string = 'auto';

  @Setting({
    env: 'CYBERUN_AGENT_VOLUME_ALLOW',
    meaning:
      'Folders and files of the machine that containers may have as volumes, with what is in them, separated by commas; `:ro` lets them read only.',
    example: '/data:ro,/scratch',
    defaultText: 'none',
  })
  @Each(ALLOWED_VOLUME)
  agentVolumeAllow: string[] = [];

  @Setting({
    env: 'CYBERUN_AGENT_REGISTRY_CREDENTIALS',
    meaning:
      'File with the credentials for image registries, as `docker login` and `podman login` write it. Helpers for credentials are not started.',
    example: '/etc/cyberun/registries.json',
    defaultText: 'none',
    isPath: true,
  })
  @Optional()
  agentRegistryCredentials?: string;

  @Setting({
    env: 'CYBERUN_AGENT_CONTAINER_CAPABILITIES',
    meaning: 'Linux capabilities that containers keep, separated by commas.',
    example: 'CHOWN,SETUID,SETGID',
    defaultText: 'none',
  })
  @Each(CAPABILITY)
  agentContainerCapabilities: string[] = [];

  @Setting({
    env: 'CYBERUN_AGENT_TASK_PROXIES',
    meaning:
      'Whether tasks and services get the variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the agent, which may hold a password: true or false.',
    example: 'true',
  })
  @IsBoolean({ message: '$property must be true or false' })
  agentTaskProxies: boolean = false;
}
