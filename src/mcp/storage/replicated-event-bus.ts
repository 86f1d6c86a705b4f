import { Injectable } from '@nestjs/common';
import { InMemoryServerEventBus, type ServerEvent, type ServerEventBus } from '@modelcontextprotocol/server';

import { ReplicaChannel } from './replica-channel.js';

/** Publishes events to the listeners of every replica. */
@Injectable()
export class ReplicatedEventBus implements ServerEventBus {
  private readonly here = new InMemoryServerEventBus();

  constructor(private readonly replicas: ReplicaChannel) {
    replicas.onMessage('event', ({ event }) => this.here.publish(event));
  }

  publish(event: ServerEvent): void {
    this.here.publish(event);
    // If the channel is unreachable, that is logged; events are best effort.
    this.replicas.publish({ kind: 'event', event }).catch(() => undefined);
  }

  subscribe(listener: (event: ServerEvent) => void): () => void {
    return this.here.subscribe(listener);
  }
}
