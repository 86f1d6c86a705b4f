import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { runAgent } from '../../../src/agent/index.js';
import type { ContainerOptions } from '../../../src/agent/containers/container-engine.js';
import type { ConfinementOptions } from '../../../src/agent/processes/confinement.js';
import { CredentialsService, CredentialsStore } from '../../../src/runtime/credentials/index.js';
import { until } from '../../support/processes.js';
import { RuntimeServer } from '../runtime-support/runtime-fixture.js';

export interface AgentWanted {
  readonly agentId?: string;
  readonly labels?: string[];
  readonly slots?: number;
  readonly key?: string;
  /** An integration key of its team, where that is not the default one. */
  readonly seenBy?: string;
  /** Nodes to dial when the first one is lost. */
  readonly otherNodes?: readonly RuntimeServer[];
  readonly drainSeconds?: number;
  readonly containers?: ContainerOptions;
  readonly confinement?: ConfinementOptions;
  readonly isProxyShared?: boolean;
}

/** An agent in this process, on a work folder of its own, that has connected. */
export class TestAgent implements AsyncDisposable {
  private constructor(
    readonly workDir: string,
    /** Rejects when the agent ended because it was refused. */
    readonly ended: Promise<void>,
    private readonly controller: AbortController,
    private readonly draining: AbortController,
  ) {}

  static async start(server: RuntimeServer, wanted: AgentWanted = {}): Promise<TestAgent> {
    const { agentId = 'agent-1', labels = ['local'], slots = 4 } = wanted;
    const workDir = await mkdtemp(join(tmpdir(), 'cyberun-agent-'));
    const controller = new AbortController();
    const draining = new AbortController();
    const before = await connectedAt(server, agentId, wanted.seenBy);
    const ended = runAgent({
      gateways: [server.origin, ...(wanted.otherNodes ?? []).map(({ origin }) => origin)],
      key: wanted.key ?? server.app.get(CredentialsService, { strict: false }).mintEphemeralAgentKey(),
      agentId,
      labels,
      slots,
      workDir,
      drainSeconds: wanted.drainSeconds,
      drain: draining.signal,
      containers: wanted.containers,
      confinement: wanted.confinement,
      isProxyShared: wanted.isProxyShared,
      signal: controller.signal,
    });
    ended.catch(() => undefined);
    await Promise.race([
      ended,
      until(async () => ![undefined, before].includes(await connectedAt(server, agentId, wanted.seenBy))),
    ]);
    return new TestAgent(workDir, ended, controller, draining);
  }

  /** As the first SIGTERM does. */
  drain(): void {
    this.draining.abort();
  }

  /** As a second SIGTERM does. */
  async stop(): Promise<void> {
    this.controller.abort();
    await this.ended.catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.workDir, { recursive: true, force: true });
  }
}

async function connectedAt(
  server: RuntimeServer,
  agentId: string,
  key?: string,
): Promise<string | undefined> {
  const { body } = await server.get('/r/agents', key);
  return (body.agent_list as { agent_id: string; connected_at: string }[]).find(
    (agent) => agent.agent_id === agentId,
  )?.connected_at;
}

/** The keys of a server's default team. */
export function keysOf({ app }: RuntimeServer): CredentialsStore {
  return app.get(CredentialsStore, { strict: false });
}

/** A workflow of one shell step without parameters. */
export const shellWorkflow = (
  name: string,
  command: string,
  { labels = 'local', retries = 0, seconds = 60 } = {},
): string => `document:
  dsl: '1.0.0'
  namespace: tests
  name: ${name}
  version: '1.0.0'
  title: ${name}
  metadata: { labels: [${labels}], max_retries: ${retries} }
timeout: { after: { seconds: ${seconds} } }
do:
  - work:
      run:
        shell:
          command: |
${command
  .split('\n')
  .map((line) => `            ${line}`)
  .join('\n')}
`;
