import type { LoggingLevel } from '@modelcontextprotocol/server';

/** The stored part of a session: enough for any process to continue it. */
export interface SessionRecord {
  readonly id: string;
  /** Names the session among ourselves; unlike the id it need not be kept from anybody. */
  readonly sessionHash: string;
  /** The session belongs to the key that opened it. */
  readonly keyHash: string;
  readonly protocolVersion: string;
  /** What the client said of itself, as JSON: read, it may take thirty times the memory. */
  readonly initializeParams: string;
  /** Whether it said that it answers questions. */
  readonly supportsServerRequests: boolean;
  /** The least severe message it wants, if it said so. */
  readonly logLevel?: LoggingLevel;
}

/** A session before it has a name. */
export type NewSession = Omit<SessionRecord, 'id' | 'sessionHash'>;

/** The right to the one standalone stream of a session. */
export interface StreamLease {
  /** Has the stream end that had it before, if that is in another process. */
  announceTakeover(): void;
  /** Calls back when a newer stream has it. */
  onLost(listener: () => void): void;
  release(): Promise<void>;
}

/**
 * Where sessions are kept. A session ends when its client says so, or after a while without a request. Whatever is
 * asked may throw a {@link JsonRpcHttpError} with status 503, when the place cannot be reached.
 */
export abstract class SessionStore {
  /** How many are open, if this process is the one to know. */
  abstract readonly count: number | undefined;

  /** The session that was opened; none when its key has as many as it may. */
  abstract open(session: NewSession): Promise<SessionRecord | undefined>;

  /** The session, if it is there and belongs to this key; being found keeps it from ending. */
  abstract find(id: string, keyHash: string): Promise<SessionRecord | undefined>;

  /** Keeps a session from ending while something is running in it. */
  abstract renew(session: SessionRecord): Promise<void>;

  /** Sees whether a session has ended that nobody asked for. */
  abstract check(session: SessionRecord): Promise<void>;

  /** Keeps what the client has decided about its session. */
  abstract setLogLevel(session: SessionRecord, logLevel: LoggingLevel): Promise<void>;

  abstract end(session: SessionRecord): Promise<void>;

  /** Takes the right to the one standalone stream of a session; whatever stream had it, may be one its client has lost. */
  abstract leaseStream(session: SessionRecord): Promise<StreamLease>;

  /** Calls back with the tag of a session that has ended, for whatever reason; perhaps more than once. */
  abstract onEnded(listener: (sessionHash: string) => void): void;
}
