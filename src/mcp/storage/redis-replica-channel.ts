import { randomUUID } from 'node:crypto';

import { Logger } from '@nestjs/common';

import { jsonOf } from '../protocol/index.js';
import type { RedisConnection } from './redis-connection.js';
import { type MessageOf, ReplicaChannel, type ReplicaMessage } from './replica-channel.js';

type Listener = (message: ReplicaMessage) => void;
type Envelope = ReplicaMessage & { readonly from: string };

/** All replicas that publish on the same Redis. */
export class RedisReplicaChannel extends ReplicaChannel {
  private readonly logger = new Logger(RedisReplicaChannel.name);
  /** Id of this replica. */
  readonly name = randomUUID();
  private readonly listeners = new Map<string, Set<Listener>>();

  constructor(private readonly redis: RedisConnection) {
    super();
    redis.onPublished((text) => this.wait(text));
  }

  async publish(message: ReplicaMessage): Promise<void> {
    const envelope: Envelope = { ...message, from: this.name };
    const text = jsonOf(envelope);
    // Nested too deeply for JSON; dropped.
    if (text !== undefined) await this.redis.publish(text);
  }

  onMessage<Kind extends ReplicaMessage['kind']>(
    kind: Kind,
    listener: (message: MessageOf<Kind>) => void,
  ): void {
    const listeners = this.listeners.get(kind) ?? new Set();
    this.listeners.set(kind, listeners.add(listener as Listener));
  }

  private wait(text: string): void {
    try {
      const { from, ...message } = JSON.parse(text) as Envelope;
      if (from === this.name) return;
      for (const listener of this.listeners.get(message.kind) ?? []) listener(message);
    } catch (error) {
      this.logger.error({ message: 'a message of another replica could not be taken in', error });
    }
  }
}
