import type { JSONRPCMessage, ServerEvent } from '@modelcontextprotocol/server';

/** What replicas of this server tell each other; sessions are named by their tags. */
export type ReplicaMessage =
  | { readonly kind: 'ended'; readonly sessionHash: string }
  /** A message of a client that may be about what another replica is doing. */
  | { readonly kind: 'from-client'; readonly sessionHash: string; readonly message: JSONRPCMessage }
  /** A message for the standalone stream of a session, wherever that is open. */
  | { readonly kind: 'to-client'; readonly sessionHash: string; readonly text: string }
  /** A session has a new standalone stream, which takes the place of the one before. */
  | { readonly kind: 'stream-taken'; readonly sessionHash: string }
  /** Somebody reads on in a stream that another replica may be writing. */
  | { readonly kind: 'reading'; readonly stream: string; readonly isFirst: boolean }
  /** There is more to read in a stream. */
  | { readonly kind: 'written'; readonly stream: string }
  | { readonly kind: 'event'; readonly event: ServerEvent };

export type MessageOf<Kind extends ReplicaMessage['kind']> = Extract<ReplicaMessage, { kind: Kind }>;

/** The other processes that serve the same sessions. */
export abstract class ReplicaChannel {
  /**
   * Tells all of them, and not ourselves.
   *
   * @throws {JsonRpcHttpError} 503 when they cannot be reached.
   */
  abstract publish(message: ReplicaMessage): Promise<void>;

  /** Calls back for what one of them tells. */
  abstract onMessage<Kind extends ReplicaMessage['kind']>(
    kind: Kind,
    listener: (message: MessageOf<Kind>) => void,
  ): void;
}

/** There are no others. */
export class LocalReplicaChannel extends ReplicaChannel {
  publish(): Promise<void> {
    return Promise.resolve();
  }

  onMessage(): void {
    // Nobody will ever tell anything.
  }
}
