import {
  InMemoryServerEventBus,
  type JSONRPCMessage,
  type ServerEvent,
  type ServerEventBus,
} from '@modelcontextprotocol/server';
import { Injectable } from '@nestjs/common';

/** Messages between replicas; sessions are identified by their hashes. */
export type ReplicaMessage =
  | { readonly kind: 'ended'; readonly sessionHash: string }
  /** A message of a client that may concern a request at another replica. */
  | { readonly kind: 'from-client'; readonly sessionHash: string; readonly message: JSONRPCMessage }
  /** A message for the standalone stream of a session, at the replica where it is open. */
  | { readonly kind: 'to-client'; readonly sessionHash: string; readonly text: string }
  /** A session has a new standalone stream, which replaces the one before. */
  | { readonly kind: 'stream-taken'; readonly sessionHash: string }
  /** A client resumes a stream that another replica may be writing. */
  | { readonly kind: 'reading'; readonly stream: string; readonly isFirst: boolean }
  /** A stream has new events. */
  | { readonly kind: 'written'; readonly stream: string }
  | { readonly kind: 'event'; readonly event: ServerEvent };

export type MessageOf<Kind extends ReplicaMessage['kind']> = Extract<ReplicaMessage, { kind: Kind }>;

/** Messages to the other processes that serve the same sessions. */
export abstract class ReplicaChannel {
  /**
   * Sends a message to all other replicas.
   *
   * @throws {JsonRpcHttpError} 503 when they cannot be reached.
   */
  abstract publish(message: ReplicaMessage): Promise<void>;

  /** Calls back for messages of other replicas. */
  abstract onMessage<Kind extends ReplicaMessage['kind']>(
    kind: Kind,
    listener: (message: MessageOf<Kind>) => void,
  ): void;
}

/** For a server with one replica. */
export class LocalReplicaChannel extends ReplicaChannel {
  publish(): Promise<void> {
    return Promise.resolve();
  }

  onMessage(): void {
    // There are no other replicas.
  }
}

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
