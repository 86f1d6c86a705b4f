import type { V1ConfigMap, V1ObjectMeta, V1OwnerReference } from '@kubernetes/client-node';
import { Logger } from '@nestjs/common';

import { ClusterRefusal } from './api-calls.js';

const logger = new Logger('Kubernetes');
/** One that was deleted and made again is another one, and what the former one owns is removed. */
const KNOWN_MS = 30_000;

/**
 * The ConfigMap that owns what an agent makes: when it is deleted, as with the release of the chart, Kubernetes removes
 * Jobs, Deployments and Lease, which no agent would end then.
 */
export class ObjectOwner {
  private known: V1OwnerReference | undefined;
  private knownAt = -Infinity;
  private isMissing = false;

  /** @param name `undefined`: nothing is owned. */
  constructor(
    private readonly read: (name: string) => Promise<V1ConfigMap | undefined>,
    private readonly name: string | undefined,
  ) {}

  /** The object with its owner. One that has owners keeps them. @throws what the API server answers */
  async of<Owned extends { metadata?: V1ObjectMeta }>(object: Owned): Promise<Owned> {
    const owner = await this.current();
    if (!owner || object.metadata?.ownerReferences) return object;
    const metadata = Object.assign({}, object.metadata, { ownerReferences: [owner] });
    return Object.assign({}, object, { metadata });
  }

  private async current(): Promise<V1OwnerReference | undefined> {
    const { name } = this;
    if (name === undefined) return undefined;
    if (performance.now() - this.knownAt < KNOWN_MS) return this.known;
    const found = await this.read(name).catch((error: unknown) => {
      if (error instanceof ClusterRefusal) return undefined;
      throw error;
    });
    const uid = found?.metadata?.uid;
    if (uid === undefined && !this.isMissing)
      logger.warn(`ConfigMap ${name} cannot be read, so that it does not own what the agent makes`);
    this.isMissing = uid === undefined;
    this.known = uid === undefined ? undefined : { apiVersion: 'v1', kind: 'ConfigMap', name, uid };
    this.knownAt = performance.now();
    return this.known;
  }
}
