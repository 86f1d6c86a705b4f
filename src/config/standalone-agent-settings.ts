import { ArrayNotEmpty, IsIn, IsUrl } from 'class-validator';

import { Setting } from './setting.decorator.js';
import {
  AGENT_NAME,
  GATEWAY_URL,
  IMAGE,
  Is,
  NAMESPACE,
  OBJECT_NAME,
  Optional,
  WholeNumber,
} from './setting-rules.js';
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

  @Setting({
    env: 'CYBERUN_AGENT_EXECUTOR',
    meaning:
      'Where runs take place: `machine` (processes, and containers of its engine) or `kubernetes` (each run in the pod of a Job, each service a Deployment, see docs/kubernetes.md).',
    example: 'kubernetes',
  })
  @IsIn(['machine', 'kubernetes'])
  agentExecutor: string = 'machine';

  @Setting({
    env: 'CYBERUN_AGENT_KUBERNETES_IMAGE',
    meaning:
      'For executor `kubernetes`: image of cyberun-mcp for the pods of runs, of the version of the agent.',
    example: 'registry.example.com/cyberun-mcp:1.2.3',
    defaultText: 'needed with executor kubernetes',
  })
  @Optional(Is(IMAGE))
  agentKubernetesImage?: string;

  @Setting({
    env: 'CYBERUN_AGENT_KUBERNETES_URL',
    meaning: 'For executor `kubernetes`: address at which the pods of runs reach this agent.',
    example: 'http://cyberun-agent:8090',
    defaultText: 'needed with executor kubernetes',
  })
  @Optional(IsUrl(GATEWAY_URL, { message: '$property must be an http or https URL' }))
  agentKubernetesUrl?: string;

  @Setting({
    env: 'CYBERUN_AGENT_KUBERNETES_PORT',
    meaning: 'For executor `kubernetes`: port on which the agent listens for the pods of its runs.',
    example: '8090',
  })
  @WholeNumber(1, 65_535)
  agentKubernetesPort: number = 8090;

  @Setting({
    env: 'CYBERUN_AGENT_KUBERNETES_NAMESPACE',
    meaning: 'For executor `kubernetes`: namespace of the Jobs and of the Deployments of services.',
    example: 'cyberun-runs',
    defaultText: 'that of the pod of the agent, or of the context of KUBECONFIG',
  })
  @Optional(Is(NAMESPACE))
  agentKubernetesNamespace?: string;

  @Setting({
    env: 'CYBERUN_AGENT_KUBERNETES_OWNER',
    meaning:
      'For executor `kubernetes`: ConfigMap in the namespace of the Jobs; when it is deleted, Kubernetes removes all that the agent has made there.',
    example: 'cyberun-agent-owner',
    defaultText: 'nothing owns it',
  })
  @Optional(Is(OBJECT_NAME))
  agentKubernetesOwner?: string;

  @Setting({
    env: 'CYBERUN_AGENT_KUBERNETES_PROFILES',
    meaning:
      'For executor `kubernetes`: YAML file that maps labels of workflows to node selectors, resources and queues of pods, see docs/kubernetes.md.',
    example: '/etc/cyberun/profiles.yaml',
    defaultText: 'one profile for all runs',
    isPath: true,
  })
  @Optional()
  agentKubernetesProfiles?: string;
}
