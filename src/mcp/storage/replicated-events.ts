import { Injectable } from '@nestjs/common';
import { InMemoryServerEventBus, type ServerEvent, type ServerEventBus } from '@modelcontextprotocol/server';

import { Replicas } from './replicas.js';

/** What has changed, told to every listener in every replica. */
@Injectable()
export class ReplicatedEvents implements ServerEventBus {
  private readonly here = new InMemoryServerEventBus();

  constructor(private readonly replicas: Replicas) {
    replicas.onTold('event', ({ event }) => this.here.publish(event));
  }

  publish(event: ServerEvent): void {
    this.here.publish(event);
    // Out of reach, they go untold, and that is in the log: nothing here may depend on them.
    this.replicas.tell({ kind: 'event', event }).catch(() => undefined);
  }

  subscribe(listener: (event: ServerEvent) => void): () => void {
    return this.here.subscribe(listener);
  }
}
