import { z } from 'zod';

import { HOSTS_CONTAINERS, HOSTS_SERVICES } from './agent-features.js';
import { SERVICE_STATES } from './container-services.js';
import { containerSpec } from './container-spec.js';

/** Requests of the gateway to an agent, through the tunnel. */
export const AGENT_PATHS = {
  /** GET → {@link agentHello}; the first request of a connection. */
  hello: '/hello',
  /** GET → 204 while the agent is healthy. */
  health: '/health',
  /** GET → {@link agentState} lines, the first one at once; 404 from an older agent. */
  state: '/state',
  /** POST, duplex: `runCommand` lines up, `runReport` lines down. */
  runs: '/runs',
  /** POST, duplex: one {@link serviceOrder} line up, {@link serviceReport} lines down; the end of the request stops the service. */
  services: '/services',
  /** `/bundles/{hash}`: HEAD → 204 when the agent has it, else 404; PUT of the archive → 204. */
  bundles: '/bundles',
  /**
   * POST, duplex: `/connections/{instance}`, see {@link serviceInstance}; the raw bytes of one new connection to it.
   * 200 once it is connected, and {@link CONNECTION_END} as a trailer when the service has closed it in order.
   */
  connections: '/connections',
  /** GET `/service-logs/{instance}` → {@link serviceLog}; 404 when it does not run here. */
  serviceLogs: '/service-logs',
} as const;

/** Header of a failed response to {@link AGENT_PATHS.connections}: the reason, percent-encoded. */
export const CONNECTION_FAILURE = 'cyberun-connection-failure';
/** Trailer of a connection. `whole` means that the service itself closed it; a reset gives `cut`. */
export const CONNECTION_END = 'cyberun-connection-end';

/** Path of the gateway, where agents dial in. */
export const GATEWAY_PATH = '/api/v1/gateway';
/** Header with which an agent tells what it has dialled, without the path of the gateway: links that it gets begin with it. */
export const DIALLED_HEADER = 'cyberun-dialled';
/** WebSocket close code: the agent ends, and gives back the runs that it still has. */
export const AGENT_GOODBYE = 4002;
/** WebSocket close code: another agent with the same id has connected. */
export const AGENT_REPLACED = 4001;

/** Form of a label that an agent has or a workflow requires; its characters are safe in the name of a queue. */
export const LABEL = /^[A-Za-z0-9._-]{1,63}$/;

/** Label of the agents that have a GPU. */
export const GPU_LABEL = 'gpu';

/** A valid id of an agent. */
export const AGENT_ID = /^[A-Za-z0-9._-]{1,100}$/;

/** Identity and capabilities of an agent. */
export const agentHello = z.object({
  agent_id: z.string().regex(AGENT_ID),
  labels: z.array(z.string().min(1).max(63)).max(100),
  slots: z.number().int().min(1).max(1024),
  version: z.string().max(100),
  /** As in `linux/amd64`. */
  platform: z.string().max(100),
  /** What it knows of {@link AGENT_FEATURES}, and perhaps more; none in the hello of an older agent. */
  features: z.array(z.string().max(63)).max(100).default([]),
  /** The runs that it still has from an earlier connection. */
  runs: z.array(z.object({ task_id: z.string(), attempt: z.number().int().min(1) })).default([]),
  /** Whether it takes no further runs, because it ends once it has finished those that it has. */
  draining: z.boolean().default(false),
  /** Whether it hosts services of all kinds. */
  hosts_services: z.boolean().default(true),
  /** `memory_bytes` is missing where a GPU shares the memory of the processor. */
  gpus: z
    .array(z.object({ name: z.string().max(200), memory_bytes: z.number().int().optional() }))
    .max(64)
    .default([]),
});
export type AgentHello = z.infer<typeof agentHello>;

/** What work may require of an agent: its labels and features. */
export const capabilitiesOf = ({
  labels,
  features = [],
  hosts_services = true,
}: Pick<AgentHello, 'labels'> & Partial<Pick<AgentHello, 'features' | 'hosts_services'>>): string[] => [
  ...new Set([...labels, ...features, ...(hosts_services ? [HOSTS_SERVICES, HOSTS_CONTAINERS] : [])]),
];

/** What changes while an agent is connected. */
export const agentState = agentHello.pick({ draining: true });

/** Reference to a bundle: the packed files beside a definition, which are sent to agents. */
export const bundleRef = z.object({
  /** SHA-256 of the archive (an uncompressed tar), in hexadecimal. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  /** Bytes of the archive. */
  size: z.number().int().min(0),
});
export type BundleRef = z.infer<typeof bundleRef>;

/** A service that runs until the request ends. */
export const serviceOrder = z.object({
  service_slug: z.string(),
  /** Its number among the replicas of the service, from 1. */
  replica: z.number().int().min(1).default(1),
  /** Program and arguments, in a container the arguments of its image; the argument `${ .port }` becomes the port. */
  command: z.array(z.string()),
  /** Without it the command is a process of the agent. */
  container: z
    .object({
      ...containerSpec.shape,
      /** Port on which it listens inside. */
      port: z.number().int(),
    })
    .optional(),
  environment: z.record(z.string(), z.string()),
  health_path: z.string(),
  limits: z.object({
    /** From the start of the process to its first healthy response. */
    start_timeout_ms: z.number(),
    health_interval_ms: z.number(),
    health_timeout_ms: z.number(),
    /** Consecutive failed probes after which it is restarted. */
    health_failures: z.number(),
    /** A service that is answering callers may miss probes, but must send a byte within this time. */
    request_timeout_ms: z.number(),
  }),
  /** The files beside the definition, working directory of the service; the agent has them before it gets the order. */
  bundle: bundleRef.optional(),
  /** Labels that the definition requires; none from an older runtime. */
  labels: z.array(z.string()).optional(),
});
export type ServiceOrder = z.infer<typeof serviceOrder>;

/** The name of a replica on its agent; slugs have no dots. */
export const serviceInstance = (slug: string, replica: number): string =>
  replica === 1 ? slug : `${slug}.${replica}`;

/** The end of what a service has written, also before its latest restart; values of its environment are masked. */
export const serviceLog = z.object({ log_lines: z.array(z.string()) });
export type ServiceLog = z.infer<typeof serviceLog>;

/** A change of a service's state. */
export const serviceReport = z.object({
  state: z.enum(SERVICE_STATES),
  /** What it waits for while it is `deploying`, without a full stop. */
  reason: z.string().optional(),
  /** Its port on the agent, when it is `running`. */
  port: z.number().int().optional(),
  /** Why it is `failed`. */
  failure: z
    .object({
      reason: z.string(),
      exit_code: z.number().int().optional(),
      /** The signal that ended it, as in `SIGKILL`. */
      signal: z.string().optional(),
      /** The end of its output; values of its environment are masked. */
      log_lines: z.array(z.string()),
    })
    .optional(),
});
export type ServiceReport = z.infer<typeof serviceReport>;
