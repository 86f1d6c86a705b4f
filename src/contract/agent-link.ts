import { z } from 'zod';

import { SERVICE_STATES } from './container-services.js';

/** What the gateway asks an agent for, through the tunnel. */
export const AGENT_PATHS = {
  /** GET → {@link agentHello}; the first request of a connection. */
  hello: '/hello',
  /** GET → 204 while the agent is able to work. */
  health: '/health',
  /** POST, duplex: `runCommand` lines up, `runReport` lines down. */
  runs: '/runs',
  /** POST, duplex: one {@link serviceOrder} line up, {@link serviceReport} lines down; its end up means: stop. */
  services: '/services',
  /** Any method; `/proxy/{service_slug}` followed by path and query of the service. */
  proxy: '/proxy',
} as const;

/** What an agent may be called. */
export const AGENT_ID = /^[A-Za-z0-9._-]{1,100}$/;

/** Who an agent is and what it offers. */
export const agentHello = z.object({
  agent_id: z.string().regex(AGENT_ID),
  labels: z.array(z.string().min(1).max(63)).max(100),
  slots: z.number().int().min(1).max(1024),
  version: z.string().max(100),
  /** As in `linux/amd64`. */
  platform: z.string().max(100),
});
export type AgentHello = z.infer<typeof agentHello>;

/** A service to keep running until the request ends. */
export const serviceOrder = z.object({
  service_slug: z.string(),
  /** Program and arguments; the argument `${ .port }` becomes the port. */
  command: z.array(z.string()).min(1),
  environment: z.record(z.string(), z.string()),
  health_path: z.string(),
  /** Folder of the definition; the working directory where the agent finds it too. */
  folder: z.string(),
});
export type ServiceOrder = z.infer<typeof serviceOrder>;

/** Each change of a service's state, as the agent sees it. */
export const serviceReport = z.object({
  state: z.enum(SERVICE_STATES),
  /** Why it is `failed`. */
  error: z.string().optional(),
});
export type ServiceReport = z.infer<typeof serviceReport>;
