import { hostname } from 'node:os';
import { join, resolve } from 'node:path';

import { SettingError, stateDirectory } from '../config/index.js';
import { AGENT_ID, GATEWAY_PATH } from '../contract/index.js';

/** Options of an agent. */
export interface AgentOptions {
  /** Address of the runtime: `http(s)://` or `ws(s)://`, with or without the path of its gateway. */
  readonly gateway: string;
  /** An `ak-` key. */
  readonly key: string;
  readonly labels: readonly string[];
  /** Number of concurrent runs. */
  readonly slots: number;
  /** Id of the agent; a new agent with the same id replaces the connected one. Default: the host name. */
  readonly agentId?: string;
  /** Folder for runs, services and records; not shared with other agents. Default: in the user's state directory. */
  readonly workDir?: string;
  /** Stops the agent. Default: aborted by SIGTERM and SIGINT. */
  readonly signal?: AbortSignal;
}

export type CompleteAgentOptions = Required<AgentOptions>;

/** Fills in the defaults. */
export function completed(options: AgentOptions): CompleteAgentOptions {
  const agentId = options.agentId ?? hostNameAsId();
  checkId(agentId);
  return {
    ...options,
    agentId,
    gateway: gatewayUrl(options.gateway),
    workDir: resolve(options.workDir ?? join(stateDirectory(), 'cyberun', `agent-${agentId}`)),
    signal: options.signal ?? untilSignalled(),
  };
}

function checkId(id: string): void {
  if (AGENT_ID.test(id)) return;
  throw new SettingError(
    `--id is "${id}", but it must be 1 to 100 letters, digits, ".", "_" and "-". Example: gpu-01`,
  );
}

/** The host name with the characters that an agent id may have. */
function hostNameAsId(): string {
  return (
    hostname()
      .replaceAll(/[^A-Za-z0-9._-]/g, '-')
      .slice(0, 80) || 'agent'
  );
}

/** The URL of the gateway's WebSocket. */
function gatewayUrl(address: string): string {
  const url = URL.parse(address);
  if (!url || !/^(http|ws)s?:$/.test(url.protocol)) {
    throw new SettingError(
      `--gateway is "${address}", but it must be an http or https URL. Example: https://runtime.example.com`,
    );
  }
  const path = url.pathname.replace(/\/+$/, '').replace(/\/api\/v1(\/gateway)?$/, '');
  return `${url.protocol.replace('http', 'ws')}//${url.host}${path}${GATEWAY_PATH}`;
}

function untilSignalled(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}
