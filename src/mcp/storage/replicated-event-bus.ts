import { Injectable } from '@nestjs/common';
import { InMemoryServerEventBus, type ServerEvent, type ServerEventBus } from '@modelcontextprotocol/server';

import { ReplicaChannel } from './replica-channel.js';

/** What has changed, told to every listener in every replica. */
@Injectable()
export class ReplicatedEventBus implements ServerEventBus {
  private readonly here = new InMemoryServerEventBus();

  constructor(private readonly replicas: ReplicaChannel) {
    replicas.onMessage('event', ({ event }) => this.here.publish(event));
  }

  publish(event: ServerEvent): void {
    this.here.publish(event);
    // Out of reach, they go untold, and that is in the log: nothing here may depend on them.
    this.replicas.publish({ kind: 'event', event }).catch(() => undefined);
  }

  subscribe(listener: (event: ServerEvent) => void): () => void {
    return this.here.subscribe(listener);
  }
}
