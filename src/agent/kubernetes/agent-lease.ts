import { setTimeout as delay } from 'node:timers/promises';

import { type V1Lease, V1MicroTime } from '@kubernetes/client-node';
import { Logger } from '@nestjs/common';

import { errorText, StartError } from '../../config/index.js';
import { apiMessageOf, ClusterRefusal } from './api-calls.js';
import type { Cluster } from './cluster.js';
import { agentLabels, leaseName } from './run-job.js';

const logger = new Logger('Kubernetes');
/** Shorter than runs are held for an agent that is away, 30 s by default, by the time that its next pod takes to start. */
const DURATION_SECONDS = 10;
const PACE = { renewMs: 3000, lookMs: 2000 };
/** Time to give the Lease back when the agent ends. */
const RELEASE_LIMIT_MS = 2000;

type Leases = Pick<Cluster, 'readLease' | 'createLease' | 'replaceLease'>;

interface LeaseOptions {
  readonly agentId: string;
  /** Distinguishes the processes of the agent; one that is started again in its pod has the same. */
  readonly holder: string;
  /** Ends the wait for the Lease. */
  readonly signal: AbortSignal;
  readonly pace?: typeof PACE;
}

/**
 * Of several processes with the id of an agent, one has its Jobs: the holder of its Lease. The next one of a rolling
 * update waits until the former has ended and given its runs back, and does not remove Jobs whose orders this one has.
 */
export class AgentLease {
  private readonly loss = new AbortController();
  private readonly stop = new AbortController();
  private readonly renewing: Promise<void>;

  private constructor(
    private readonly leases: Leases,
    private current: V1Lease,
    private readonly options: LeaseOptions,
  ) {
    this.renewing = this.keepRenewing();
  }

  /**
   * Waits until no other process has the Lease, or has not renewed it in time.
   *
   * @returns `undefined` when the signal ended the wait.
   * @throws {StartError} when Kubernetes refuses it.
   */
  static async acquire(leases: Leases, options: LeaseOptions): Promise<AgentLease | undefined> {
    const { signal, pace = PACE } = options;
    const candidate = new LeaseCandidate(leases, options);
    while (!signal.aborted) {
      const lease = await candidate.tryOnce();
      if (lease) return new AgentLease(leases, lease, options);
      await delay(pace.lookMs, undefined, { signal }).catch(() => undefined);
    }
    return undefined;
  }

  /** Aborted when another process has the Lease. */
  get lost(): AbortSignal {
    return this.loss.signal;
  }

  /** Lets the next process have the Lease at once. */
  async release(): Promise<void> {
    this.stop.abort();
    const limit = delay(RELEASE_LIMIT_MS, undefined, { ref: false });
    await Promise.race([this.giveBack(), limit]).catch((error: unknown) => {
      logger.warn(`the Lease of the agent is not given back: ${apiMessageOf(error) ?? errorText(error)}`);
    });
  }

  private async giveBack(): Promise<void> {
    await this.renewing;
    if (this.loss.signal.aborted) return;
    const { holderIdentity: _holder, ...spec } = this.current.spec ?? {};
    await this.leases.replaceLease(Object.assign({}, this.current, { spec }));
  }

  private async keepRenewing(): Promise<void> {
    const { signal } = this.stop;
    const { pace = PACE } = this.options;
    let isFailing = false;
    for (;;) {
      await delay(pace.renewMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const error: unknown = await this.renew().catch((reason: unknown) => reason);
      if (error !== undefined && !isFailing)
        logger.warn(`the Lease of the agent is not renewed: ${apiMessageOf(error) ?? errorText(error)}`);
      isFailing = error !== undefined;
    }
  }

  private async renew(): Promise<void> {
    const { leases, current } = this;
    const spec = Object.assign({}, current.spec, { renewTime: new V1MicroTime() });
    const renewed = await leases.replaceLease(Object.assign({}, current, { spec }));
    // What was changed or deleted meanwhile is renewed next time.
    const found = renewed ?? (await leases.readLease(leaseName(this.options.agentId)));
    if (!found) this.current = (await leases.createLease(leaseOf(this.options))) ?? current;
    else if (found.spec?.holderIdentity === this.options.holder) this.current = found;
    else this.lose(found.spec?.holderIdentity);
  }

  private lose(other = 'another process'): void {
    logger.error(`${other} has taken the place of this process of agent ${this.options.agentId}`);
    this.stop.abort();
    this.loss.abort();
  }
}

/** A process that wants the Lease. It goes by its own clock, since those of two machines differ. */
class LeaseCandidate {
  private seen: string | undefined;
  private seenAt = 0;

  constructor(
    private readonly leases: Leases,
    private readonly options: LeaseOptions,
  ) {}

  /** @returns the Lease, if it can be had now. */
  async tryOnce(): Promise<V1Lease | undefined> {
    try {
      const found = await this.leases.readLease(leaseName(this.options.agentId));
      if (!found) return await this.leases.createLease(leaseOf(this.options));
      if (!this.isFree(found)) return undefined;
      return await this.leases.replaceLease(leaseOf(this.options, found));
    } catch (error) {
      const why = apiMessageOf(error) ?? errorText(error);
      if (error instanceof ClusterRefusal) {
        throw new StartError(
          `Kubernetes refuses the agent its Lease: ${why.replace(/\.$/, '')}. The role of the agent must allow get, create and update of leases in coordination.k8s.io, see docs/kubernetes.md.`,
        );
      }
      logger.warn(`Kubernetes cannot be asked for the Lease of the agent: ${why}`);
      return undefined;
    }
  }

  private isFree({ metadata, spec }: V1Lease): boolean {
    const { holderIdentity: holder, leaseDurationSeconds = DURATION_SECONDS } = spec ?? {};
    if (!holder || holder === this.options.holder) return true;
    const now = performance.now();
    if (this.seen === undefined)
      logger.log(`${holder} is agent ${this.options.agentId}; this process waits until it ends`);
    if (this.seen !== metadata?.resourceVersion) this.seenAt = now;
    this.seen = metadata?.resourceVersion;
    return now - this.seenAt >= leaseDurationSeconds * 1000;
  }
}

/** @param former the Lease as it is, when there is one. */
function leaseOf({ agentId, holder }: LeaseOptions, former?: V1Lease): V1Lease {
  const now = new V1MicroTime();
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name: leaseName(agentId),
      labels: agentLabels(agentId),
      annotations: { 'cyberun.agent-id': agentId },
      ...(former?.metadata?.resourceVersion !== undefined && {
        resourceVersion: former.metadata.resourceVersion,
      }),
    },
    spec: {
      holderIdentity: holder,
      leaseDurationSeconds: DURATION_SECONDS,
      acquireTime: now,
      renewTime: now,
      leaseTransitions: (former?.spec?.leaseTransitions ?? -1) + 1,
    },
  };
}
