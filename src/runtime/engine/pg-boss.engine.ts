import { AsyncLocalStorage } from 'node:async_hooks';

import { Injectable, Logger } from '@nestjs/common';
import { type Db as BossDb, fromKysely, fromPglite, PgBoss } from 'pg-boss';

import { Database, type Tx } from '../database/index.js';
import { type Claim, Engine, type Outcome, type WorkRequirement } from './engine.js';
import { isEligible, queueName, requirementOf } from './queue-name.js';

/** The longest pg-boss lets a job be active; the runtime's limit for one run is below it. */
const DAY_SECONDS = 86_400;

const QUEUE = {
  // How often a task runs is the task's business, so the queue never gives up by itself.
  retryLimit: 1_000_000,
  retryDelay: 0,
  heartbeatSeconds: 60,
  expireInSeconds: DAY_SECONDS,
  // A task without an eligible agent waits without limit.
  retentionSeconds: 3650 * DAY_SECONDS,
  deleteAfterSeconds: 3600,
};

const attemptOf = ({ taskId, attempt }: Claim): { id: string; retryCount: number } => ({
  id: taskId,
  retryCount: attempt - 1,
});

/** The engine on pg-boss; nothing of pg-boss leaves this file. */
@Injectable()
export class PgBossEngine extends Engine {
  private readonly logger = new Logger('Queue');
  private readonly boss: PgBoss;
  /** Whatever pg-boss asks of the database during a verb joins the verb's transaction, look-ups included. */
  private readonly transaction = new AsyncLocalStorage<BossDb>();
  private readonly queues = new Set<string>();
  private turn = 0;

  constructor(database: Database) {
    super();
    const { backend, pglite } = database.postgres;
    const outside = fromPglite(pglite);
    this.boss = new PgBoss({
      backend,
      db: { executeSql: (text, values) => (this.transaction.getStore() ?? outside).executeSql(text, values) },
      schedule: false,
      superviseIntervalSeconds: 30,
      registerInstance: false,
      monitorVacuum: false,
      reindex: false,
      openTelemetry: { enabled: false },
    });
    this.boss.on('error', (error) => this.logger.error(error));
  }

  async start(): Promise<void> {
    await this.boss.start();
    for (const { name } of await this.boss.getQueues()) this.queues.add(name);
  }

  async stop(): Promise<void> {
    await this.boss.stop({ graceful: false, close: false });
  }

  async prepare(requirement: WorkRequirement): Promise<void> {
    const name = queueName(requirement);
    if (this.queues.has(name)) return;
    await this.boss.createQueue(name, QUEUE);
    this.queues.add(name);
  }

  async enqueue(tx: Tx, taskId: string, requirement: WorkRequirement): Promise<void> {
    await this.within(tx, () => this.boss.send(queueName(requirement), null, { id: taskId }));
  }

  async claim(tx: Tx, agent: WorkRequirement, limit: number): Promise<Claim[]> {
    const claims: Claim[] = [];
    for (const name of this.queuesFor(agent)) {
      const free = limit - claims.length;
      if (free <= 0) break;
      const jobs = await this.within(tx, () =>
        this.boss.fetch(name, { batchSize: free, includeMetadata: true }),
      );
      const requirement = requirementOf(name);
      claims.push(
        ...jobs.map(({ id, retryCount }) => ({ ...requirement, taskId: id, attempt: retryCount + 1 })),
      );
    }
    return claims;
  }

  async heartbeat(claims: readonly Claim[]): Promise<void> {
    const byQueue = Map.groupBy(claims, queueName);
    for (const [name, held] of byQueue) await this.boss.touch(name, held.map(attemptOf));
  }

  async settle(tx: Tx, claim: Claim, outcome: Outcome, afterSeconds = 0): Promise<void> {
    const name = queueName(claim);
    await this.within(tx, async () => {
      if (outcome === 'done') await this.boss.complete(name, attemptOf(claim));
      else await this.boss.fail(name, attemptOf(claim));
      if (outcome === 'again' && afterSeconds > 0)
        await this.boss.update(name, undefined, { id: claim.taskId, startAfter: afterSeconds });
    });
  }

  async cancel(tx: Tx, taskId: string, requirement: WorkRequirement): Promise<void> {
    await this.within(tx, () => this.boss.cancel(queueName(requirement), taskId));
  }

  private within<Result>(tx: Tx, work: () => Promise<Result>): Promise<Result> {
    return this.transaction.run(fromKysely(tx), work);
  }

  /** Each time another queue comes first, so that a long one does not starve the rest. */
  private queuesFor(agent: WorkRequirement): string[] {
    const names = [...this.queues].filter((name) => isEligible(agent, requirementOf(name)));
    const first = names.length === 0 ? 0 : this.turn++ % names.length;
    return [...names.slice(first), ...names.slice(0, first)];
  }
}
