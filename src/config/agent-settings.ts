import { availableParallelism } from 'node:os';

import { ArrayNotEmpty } from 'class-validator';

import { RuntimeSettings } from './runtime-settings.js';
import { Setting } from './setting.decorator.js';
import { AGENT_LABEL, Each, WholeNumber } from './setting-rules.js';

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
}
