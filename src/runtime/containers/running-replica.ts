import type { ClientHttp2Stream } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';

import { Logger } from '@nestjs/common';

import {
  AGENT_PATHS,
  serviceInstance,
  type ServiceOrder,
  type ServiceReport,
  type ServiceState,
} from '../../contract/index.js';
import type { ConnectedAgent } from '../gateway/index.js';
import { containerOf } from './container-definition.js';
import { type ReplicaHistory, withFailure, withStart, withWait } from './replica-history.js';
import type { ReplicaReport } from './replica-store.js';
import type { ServiceDefinition } from './service-definition.js';
import { ServiceDeployment } from './service-deployment.js';
import type { Replica } from './service-state.js';

/** How long open calls may go on when a replica is stopped while others of its service take the new ones. */
const DRAIN_MS = 10_000;
const DRAIN_CHECK_MS = 100;

const logger = new Logger('Services');

interface ReplicaContext {
  readonly agent: ConnectedAgent;
  readonly definition: ServiceDefinition;
  /** Sends the files of the service to the agent. */
  readonly deliver: () => Promise<void>;
  /** Its state has changed. */
  readonly changed: () => void;
}

/** A replica that this node runs on one of its agents. */
export class RunningReplica {
  /** Resolves when it has ended on the agent, or the agent has disconnected. */
  readonly over: Promise<void>;
  readonly agent: ConnectedAgent;
  isStopping = false;
  /** It has ended, and its row does not say so yet. */
  isOver = false;
  private status: ServiceState = 'deploying';
  private port: number | undefined;
  private history: ReplicaHistory;
  private readonly deployment: ServiceDeployment;
  private readonly connections = new Set<ClientHttp2Stream>();

  constructor(
    readonly row: Replica,
    private readonly context: ReplicaContext,
  ) {
    this.agent = context.agent;
    this.history = row.history;
    const order = orderOf(context.definition, row.replica);
    this.deployment = new ServiceDeployment(
      context.agent,
      order,
      (report) => this.note(report),
      context.deliver,
    );
    this.over = this.deployment.over;
  }

  get state(): ReplicaReport {
    const { status, port, history } = this;
    return { deploymentId: this.row.deploymentId, status, port, history };
  }

  get isServing(): boolean {
    return this.status === 'running' && !this.isStopping && !this.isOver && this.agent.isConnected;
  }

  /** Opens a connection to the service, see {@link AGENT_PATHS.connections}. */
  connect(): ClientHttp2Stream {
    const stream = this.request('POST', AGENT_PATHS.connections);
    this.connections.add(stream);
    stream.once('close', () => this.connections.delete(stream));
    return stream;
  }

  /** Asks for its log, see {@link AGENT_PATHS.serviceLogs}. */
  log(): ClientHttp2Stream {
    return this.request('GET', AGENT_PATHS.serviceLogs);
  }

  /** @param hasOthers other replicas take new calls, so that the open ones may end first. */
  stop(hasOthers: boolean): void {
    if (this.isStopping) return;
    this.isStopping = true;
    void (hasOthers ? this.drained() : Promise.resolve()).then(() => this.deployment.stop());
  }

  private request(method: string, area: string): ClientHttp2Stream {
    const path = `${area}/${serviceInstance(this.row.slug, this.row.replica)}`;
    return this.agent.session.request({ ':method': method, ':path': path });
  }

  private async drained(): Promise<void> {
    const end = performance.now() + DRAIN_MS;
    while (this.connections.size > 0 && !this.isOver && performance.now() < end) await delay(DRAIN_CHECK_MS);
  }

  private note({ state, failure, port, reason }: ServiceReport): void {
    const { definition } = this.context;
    const name =
      definition.replica_count > 1 ? `${definition.slug} (replica ${this.row.replica})` : definition.slug;
    if (failure) logger.warn([`Service ${name} failed: ${failure.reason}.`, ...failure.log_lines].join('\n'));
    if (this.isStopping) return;
    this.status = state;
    this.port = port;
    if (state === 'deploying') this.history = withWait(this.history, reason);
    if (failure) this.history = withFailure(this.history, failure, new Date());
    if (state === 'running') {
      this.history = withStart(this.history, new Date());
      logger.log(`service ${name} is running`);
    }
    this.context.changed();
  }
}

function orderOf(definition: ServiceDefinition, replica: number): ServiceOrder {
  const { slug, command, env_config, health_path, required_labels } = definition;
  return {
    service_slug: slug,
    replica,
    command,
    container: containerOf(definition),
    environment: Object.fromEntries(env_config.map(({ env_name, env_value }) => [env_name, env_value])),
    health_path,
    limits: {
      start_timeout_ms: definition.start_timeout,
      health_interval_ms: definition.health.interval,
      health_timeout_ms: definition.health.timeout,
      health_failures: definition.health.failures,
      request_timeout_ms: definition.request_timeout,
    },
    bundle: definition.bundle,
    labels: required_labels,
  };
}
