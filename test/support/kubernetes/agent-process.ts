import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { packagePaths } from '../../../src/config/index.js';
import { keysOf } from '../../e2e/agent-support/agent-fixture.js';
import type { RuntimeServer } from '../../e2e/runtime-support/runtime-fixture.js';
import { inherited } from '../command-line.js';
import { freePort } from '../free-port.js';
import { until } from '../processes.js';
import { FLAGS } from '../setup.js';

type Flags = Readonly<Record<string, string>>;

/** An agent as an operator starts it: a process that can be ended and started again. */
export class AgentProcess implements AsyncDisposable {
  private child: ChildProcess | undefined;

  private constructor(
    private readonly server: RuntimeServer,
    private readonly folder: string,
    readonly key: string,
    private readonly given: { readonly flags: Flags; readonly environment: Flags },
  ) {}

  static async start(
    server: RuntimeServer,
    flags: Flags = {},
    environment: Flags = {},
  ): Promise<AgentProcess> {
    const { raw_key } = await keysOf(server).create({ kind: 'agent', display_name: 'agent' });
    const folder = await mkdtemp(join(tmpdir(), 'cyberun-agent-'));
    const common = { gateway: server.origin, id: 'a1', labels: 'local', slots: '8', 'work-dir': folder };
    const given = { flags: { ...common, ...flags }, environment };
    const agent = new AgentProcess(server, folder, raw_key, given);
    await agent.start();
    return agent;
  }

  /** Another process of this agent, which is not started yet. */
  async successor(flags: Flags): Promise<AgentProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'cyberun-agent-'));
    const given = { ...this.given, flags: { ...this.given.flags, 'work-dir': folder, ...flags } };
    return new AgentProcess(this.server, folder, this.key, given);
  }

  async start(): Promise<void> {
    const before = await this.connectedAt();
    const flags = Object.entries(this.given.flags).flatMap(([name, value]) => [`--${name}`, value]);
    this.child = spawn(process.execPath, [...FLAGS, packagePaths.entry, 'agent', ...flags], {
      env: {
        ...inherited(),
        CYBERUN_LOGGER_LEVEL: 'error',
        CYBERUN_AGENT_KEY: this.key,
        ...this.given.environment,
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    await until(async () => ![undefined, before].includes(await this.connectedAt()));
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
    await rm(this.folder, { recursive: true, force: true });
  }

  private async connectedAt(): Promise<string | undefined> {
    return (await this.server.get('/r/agents')).body.agent_list[0]?.connected_at;
  }
}

/** Flags of an address for pods. */
async function freeAddress(host = '127.0.0.1'): Promise<Flags> {
  const port = String(await freePort());
  return { 'kubernetes-url': `http://${host}:${port}`, 'kubernetes-port': port };
}

/** The next process of such an agent, as a rolling update makes it in another pod. */
export async function kubernetesSuccessor(agent: AgentProcess): Promise<AgentProcess> {
  return agent.successor(await freeAddress());
}

/** An agent whose runs are Jobs of this API server. @param host address of this machine for pods, unless they run here, too. */
export async function kubernetesAgent(
  server: RuntimeServer,
  kubeconfig: string,
  flags: Flags = {},
  host?: string,
): Promise<AgentProcess> {
  const own = {
    executor: 'kubernetes',
    'kubernetes-image': 'registry.example.com/cyberun-mcp:1',
    ...(await freeAddress(host)),
  };
  return AgentProcess.start(server, { ...own, ...flags }, { KUBECONFIG: kubeconfig });
}
