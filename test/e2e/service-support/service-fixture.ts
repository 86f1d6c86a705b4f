import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Limits } from '../../../src/config/index.js';
import { until } from '../../support/processes.js';
import { TestAgent } from '../agent-support/agent-fixture.js';
import { type Answer, BOOTSTRAP_KEY, RuntimeServer } from '../runtime-support/runtime-fixture.js';

type Sent = Omit<RequestInit, 'headers'> & { headers?: Record<string, string>; duplex?: 'half' };

/** One step of the literal service. */
export type Step =
  readonly ['say', string | Buffer] | readonly ['wait', number] | readonly ['end'] | readonly ['reset'];

/** The path that makes the literal service answer so. */
export function answering(...steps: Step[]): string {
  const plan = steps.map(([what, value]) =>
    what === 'say' ? [what, Buffer.from(value as string, 'latin1').toString('base64')] : [what, value],
  );
  return `/?plan=${Buffer.from(JSON.stringify(plan)).toString('base64url')}`;
}

/** Where its program is, its packages are found. */
export const definitionOf = (name: 'odd' | 'literal', slug: string = name, more = ''): string =>
  `slug: ${slug}\ncommand: [node, '${join(import.meta.dirname, `${name}-service.mjs`)}']\n${more}`;

/** A runtime and an agent with services of the test: `odd`, `literal`, and what `more` defines by file name. */
export class ServiceServer implements AsyncDisposable {
  private constructor(
    readonly server: RuntimeServer,
    readonly agent: TestAgent,
    readonly folder: string,
  ) {}

  static async start(
    more: Record<string, string> = {},
    env: Record<string, string> = {},
    limits: Partial<Limits> = {},
  ): Promise<ServiceServer> {
    const folder = await mkdtemp(join(tmpdir(), 'cyberun-services-'));
    const files = {
      'odd.yaml': definitionOf('odd'),
      'literal.yaml': definitionOf('literal'),
      ...more,
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const server = await RuntimeServer.start({}, { env: { CYBERUN_SERVICES_DIR: folder, ...env }, limits });
    const started = new ServiceServer(server, await TestAgent.start(server), folder);
    await Promise.all([started.running('odd'), started.running('literal')]);
    return started;
  }

  async status(slug: string): Promise<string> {
    return (await this.server.get(`/r/containers/${slug}`)).body.service_status as string;
  }

  running(slug: string): Promise<void> {
    return until(async () => (await this.status(slug)) === 'running');
  }

  invoke(slug: string, path: string, more: object = {}): Promise<Answer> {
    return this.server.call('POST', `/r/invoke/${slug}`, { method: 'GET', path, ...more });
  }

  relayed(slug: string, path: string, init: Sent = {}): Promise<Response> {
    return fetch(`${this.server.origin}/api/v1/r/containers/${slug}${path}`, {
      redirect: 'manual',
      ...init,
      headers: { authorization: `Bearer ${BOOTSTRAP_KEY}`, ...init.headers },
    });
  }

  /** Changes when the agent was lost in between. */
  async connectedAt(): Promise<string | undefined> {
    const { body } = await this.server.get('/r/agents');
    return (body.agent_list as { connected_at: string }[])[0]?.connected_at;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}
