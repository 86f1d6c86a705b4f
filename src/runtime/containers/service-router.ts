import { json } from 'node:stream/consumers';
import type { ClientHttp2Stream } from 'node:http2';

import { Injectable, Logger } from '@nestjs/common';

import { serviceLog } from '../../contract/index.js';
import { RuntimeNode } from '../nodes/index.js';
import { WaitingTasks } from '../tasks/index.js';
import { FORWARDED_CONNECTION, FORWARDED_LOG, NodeTunnels } from './node-tunnels.js';
import { ReplicaRunner } from './replica-runner.js';
import { ConnectionFailed, ServiceConnection } from './service-connection.js';
import { serviceRequirements } from './service-definition.js';
import { isServing, notRunning, type Replica, type RunningService } from './service-state.js';

/** A replica that does not confirm a connection within this time is busy rather than gone: it gets the call. */
const CONFIRM_MS = 5000;
const LOG_LIMIT_MS = 2000;

/** Who calls, and how. */
export interface ServiceCaller {
  /** An integration key. */
  readonly key: string;
  /** Whether a call that one replica may have seen can be made at another one. */
  readonly isRepeatable: boolean;
  /** The body is a stream, which can be sent only once. */
  readonly isStreaming: boolean;
}

/** Finds a replica for each call, on any node. */
@Injectable()
export class ServiceRouter {
  private readonly logger = new Logger('Services');
  /** Calls of this node in progress, by deployment. */
  private readonly open = new Map<string, number>();
  /** Number of calls so far, by service: for round robin. */
  private readonly turns = new Map<string, number>();

  constructor(
    private readonly runner: ReplicaRunner,
    private readonly tunnels: NodeTunnels,
    private readonly node: RuntimeNode,
    private readonly waiting: WaitingTasks,
  ) {}

  /**
   * Makes a call at a replica. When that one takes no connection, or a repeatable call breaks, the next one gets it.
   *
   * @throws {HttpException} when none takes it.
   */
  async call<Answer>(
    service: RunningService,
    { key, isRepeatable, isStreaming }: ServiceCaller,
    attempt: (connection: ServiceConnection) => Promise<Answer>,
  ): Promise<Answer> {
    const candidates = this.candidates(service);
    for (const [index, replica] of candidates.entries()) {
      const hasOthers = index < candidates.length - 1;
      try {
        const connection = await this.connect(service, replica, key);
        if (hasOthers && isStreaming) await connection.confirmed(CONFIRM_MS);
        return await attempt(connection);
      } catch (error) {
        const isLost = error instanceof ConnectionFailed && (error.hadNoEffect || isRepeatable);
        if (!hasOthers || !isLost) throw error;
        this.logger.debug(`a call of service ${replica.slug} goes to another replica: ${error.message}`);
      }
    }
    throw notRunning(service, this.obstacleTo(service));
  }

  /** Why no agent that is connected to any node can run a service; `undefined` when one can. */
  obstacleTo({ teamId, definition }: RunningService): string | undefined {
    return this.waiting.obstacleTo({ teamId, labels: serviceRequirements(definition) });
  }

  /** The last lines that a replica has written; `undefined` when its node or agent cannot be reached. */
  async logOf(replica: Replica, key: string): Promise<readonly string[] | undefined> {
    if (replica.nodeId === undefined) return undefined;
    try {
      const stream =
        replica.nodeId === this.node.id
          ? this.runner.known(replica.deploymentId)?.log()
          : await this.tunnels.request(replica, key, { method: 'GET', area: FORWARDED_LOG });
      return stream && (await readLog(stream));
    } catch (error) {
      this.logger.debug({ message: `the log of service ${replica.slug} cannot be read`, error });
      return undefined;
    }
  }

  /** Those that take calls: with the fewest calls in progress first, in turn among equals; unreachable nodes last. */
  private candidates({ id, replicas }: RunningService): Replica[] {
    const serving = replicas.filter(
      (replica) =>
        isServing(replica) && (replica.nodeId !== this.node.id || this.runner.find(replica.deploymentId)),
    );
    const turn = this.turns.get(id) ?? 0;
    this.turns.set(id, turn + 1);
    const first = serving.length === 0 ? 0 : turn % serving.length;
    const inTurn = [...serving.slice(first), ...serving.slice(0, first)];
    const rank = (replica: Replica): number =>
      (this.open.get(replica.deploymentId) ?? 0) + (this.tunnels.isAvoided(replica) ? 1e9 : 0);
    return inTurn.sort((one, other) => rank(one) - rank(other));
  }

  private async connect(service: RunningService, replica: Replica, key: string): Promise<ServiceConnection> {
    const { deploymentId } = replica;
    const target = { definition: service.definition, port: replica.port };
    const connection = await ServiceConnection.to(target, () =>
      replica.nodeId === this.node.id
        ? this.runner.find(deploymentId)?.connect()
        : this.tunnels.request(replica, key, { method: 'POST', area: FORWARDED_CONNECTION }),
    );
    this.open.set(deploymentId, (this.open.get(deploymentId) ?? 0) + 1);
    connection.stream.once('close', () => {
      const left = (this.open.get(deploymentId) ?? 1) - 1;
      if (left > 0) this.open.set(deploymentId, left);
      else this.open.delete(deploymentId);
    });
    return connection;
  }
}

async function readLog(stream: ClientHttp2Stream): Promise<readonly string[] | undefined> {
  stream.on('error', () => undefined);
  const limit = setTimeout(() => stream.close(), LOG_LIMIT_MS);
  try {
    const answer = serviceLog.safeParse(await json(stream));
    return answer.data?.log_lines;
  } finally {
    clearTimeout(limit);
    stream.close();
  }
}
