import { ArrayNotEmpty, IsUrl } from 'class-validator';

import { Setting } from './setting.decorator.js';
import { AGENT_NAME, GATEWAY_URL, Is, Optional } from './setting-rules.js';
import { Settings } from './settings.js';

/** What an agent on another machine has besides; the local agent of role `all` gets these from its server. */
export class StandaloneAgentSettings extends Settings {
  @Setting({
    env: 'CYBERUN_AGENT_GATEWAY',
    meaning:
      'Address of the runtime; several for its nodes, separated by commas. The agent is connected to one of them and dials the next when that is lost.',
    example: 'https://runtime.example.com',
    defaultText: 'needed',
  })
  @Optional(
    ArrayNotEmpty(),
    IsUrl(GATEWAY_URL, { each: true, message: 'each value in $property must be an http or https URL' }),
  )
  agentGateway?: string[];

  @Setting({
    env: 'CYBERUN_AGENT_ID',
    meaning: 'Name of the agent, unique in its team; a second agent on one machine needs one.',
    example: 'gpu-01',
    defaultText: 'the host name',
  })
  @Optional(Is(AGENT_NAME))
  agentId?: string;

  @Setting({
    env: 'CYBERUN_AGENT_WORK_DIR',
    meaning: 'Folder for runs and the data of services, which no other agent uses.',
    example: '/var/lib/cyberun/agent',
    defaultText: '`cyberun/agent-ID` in the state directory of the user',
    isPath: true,
  })
  @Optional()
  agentWorkDir?: string;

  @Setting({
    env: 'CYBERUN_AGENT_CACHE_DIR',
    meaning:
      'Folder for the files of definitions, which no other agent uses. They are fetched again when it is empty.',
    example: '/var/cache/cyberun/agent',
    defaultText: 'in the work folder',
    isPath: true,
  })
  @Optional()
  agentCacheDir?: string;

  @Setting({
    env: 'CYBERUN_AGENT_KEY_FILE',
    meaning: 'File that holds the ak- key and nothing else; CYBERUN_AGENT_KEY wins over it.',
    example: '/etc/cyberun/agent.key',
    defaultText: 'empty: the key is in CYBERUN_AGENT_KEY',
    isPath: true,
  })
  @Optional()
  agentKeyFile?: string;
}
