import type { ClientHttp2Stream } from 'node:http2';

import { ConflictException, type HttpException } from '@nestjs/common';

import {
  AGENT_PATHS,
  type ContainerService,
  type ServiceOrder,
  type ServiceReport,
  serviceReport,
  type ServiceState,
} from '../../contract/index.js';
import { readLines, writeLine } from '../../tunnel/index.js';
import { BundleRejected } from '../bundles/index.js';
import type { ConnectedAgent } from '../gateway/index.js';
import type { ServiceDefinition } from './service-definition.js';

/** A defined service: its deployment and state. */
export class ManagedService {
  readonly id: string;
  readonly teamId: string;
  readonly createdAt = new Date();
  updatedAt = this.createdAt;
  state: ServiceState = 'created';
  readonly failures = new FailureRecord();
  /** Its port on the agent while it is running. */
  port: number | undefined;
  /** `undefined` while no agent runs it. */
  deployment: ServiceDeployment | undefined;
  /** Its file was removed: the service is removed once it has stopped. */
  isRemoved = false;

  constructor(
    { id, teamId }: { readonly id: string; readonly teamId: string },
    public definition: ServiceDefinition,
  ) {
    this.id = id;
    this.teamId = teamId;
  }

  /** The agent that runs it; `undefined` unless it is running. */
  get runningOn(): ConnectedAgent | undefined {
    const agent = this.state === 'running' ? this.deployment?.agent : undefined;
    return agent?.isConnected ? agent : undefined;
  }

  become(state: ServiceState): void {
    this.state = state;
    this.updatedAt = new Date();
  }
}

/** One deployment of a service on an agent, from the order until all its processes have ended. */
export class ServiceDeployment {
  /** Resolves when the agent has stopped it or has disconnected. */
  readonly over: Promise<void>;
  private readonly stream: ClientHttp2Stream;

  /** @param deliver sends the files of the service to the agent. */
  constructor(
    readonly agent: ConnectedAgent,
    order: ServiceOrder,
    private readonly report: (report: ServiceReport) => void,
    deliver: () => Promise<void>,
  ) {
    this.stream = agent.session.request({ ':method': 'POST', ':path': AGENT_PATHS.services });
    this.stream.on('error', () => undefined);
    this.over = this.follow(order, deliver);
  }

  stop(): void {
    this.stream.end();
  }

  private async follow(order: ServiceOrder, deliver: () => Promise<void>): Promise<void> {
    try {
      await deliver();
      await writeLine(this.stream, order);
      for await (const line of readLines(this.stream)) this.report(serviceReport.parse(line));
    } catch (error) {
      // Otherwise the agent has disconnected, and has stopped its services.
      if (error instanceof BundleRejected)
        this.report({ state: 'failed', failure: { reason: error.message, log_lines: [] } });
    }
    this.stream.close();
  }
}

/** After running this long a service counts as recovered. */
const STEADY_MS = 60_000;

/** The failures of a service since it last recovered. */
class FailureRecord {
  private last: { readonly failure: NonNullable<ServiceReport['failure']>; readonly at: Date } | undefined;
  private count = 0;
  private runningSince: number | undefined;

  add(failure: NonNullable<ServiceReport['failure']>): void {
    this.count = this.isOver ? 1 : this.count + 1;
    this.last = { failure, at: new Date() };
    this.runningSince = undefined;
  }

  running(): void {
    this.runningSince = performance.now();
  }

  /** Forgets all failures, for a new definition. */
  clear(): void {
    this.last = undefined;
    this.count = 0;
  }

  /** For the API; `undefined` when it has not failed since it recovered. */
  get view(): NonNullable<ContainerService['last_failure']> | undefined {
    if (!this.last || this.isOver) return undefined;
    const { failure, at } = this.last;
    return { ...failure, failed_at: at.toISOString(), failures_in_a_row: this.count };
  }

  private get isOver(): boolean {
    return this.runningSince !== undefined && performance.now() - this.runningSince > STEADY_MS;
  }
}

/** The error for a call of a service that is not running: why, and what to do. */
export function notRunning({ definition, state, failures }: ManagedService): HttpException {
  const what = `Service "${definition.slug}" is ${state}, not running.`;
  const failure = failures.view;
  if (!failure) {
    return new ConflictException(`${what} Check again until its service_status is running.`);
  }
  const { reason, failed_at, failures_in_a_row, log_lines } = failure;
  const times = failures_in_a_row === 1 ? 'once' : `${failures_in_a_row} times in a row`;
  const log = log_lines?.length ? `\nThe end of its log:\n${log_lines.join('\n')}` : ' It wrote no log.';
  return new ConflictException(
    `${what} It has failed ${times}, last at ${failed_at}: ${reason}. It is restarted automatically, but the cause must be corrected first.${log}`,
  );
}
