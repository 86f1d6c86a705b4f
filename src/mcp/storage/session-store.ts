import type { LoggingLevel } from '@modelcontextprotocol/server';

/** Whose a session is. */
export interface SessionHolder {
  /** The session belongs to the key that opened it, or to the user and the client behind an access token. */
  readonly keyHash: string;
  /** Sessions are counted for the key, or for the user with all clients. */
  readonly owner: string;
}

/** The stored part of a session: enough for any process to continue it. */
export interface SessionRecord extends SessionHolder {
  readonly id: string;
  /** Identifies the session inside the server; unlike the id it is no secret. */
  readonly sessionHash: string;
  readonly protocolVersion: string;
  /** The params of initialize as JSON text: parsed, they may take thirty times the memory. */
  readonly initializeParams: string;
  /** Whether its capabilities include requests from the server. */
  readonly supportsServerRequests: boolean;
  /** The toolsets that its client chose, in order and separated by commas. */
  readonly toolsets?: string;
  /** Its minimum log level, if set. */
  readonly logLevel?: LoggingLevel;
}

/** A session before it has an id. */
export type NewSession = Omit<SessionRecord, 'id' | 'sessionHash'>;

/** The lease of the one standalone stream of a session. */
export interface StreamLease {
  /** Ends the previous stream, if another process has it. */
  announceTakeover(): void;
  /** Calls back when a newer stream takes it. */
  onLost(listener: () => void): void;
  release(): Promise<void>;
}

/**
 * Stores sessions. A session ends when its client deletes it or after its idle time. Methods
 * may throw a {@link JsonRpcHttpError} with status 503, when the store is unreachable.
 */
export abstract class SessionStore {
  /** Number of open sessions, if this process stores them. */
  abstract readonly count: number | undefined;

  /** The opened session; `undefined` when its owner is at the limit. */
  abstract open(session: NewSession): Promise<SessionRecord | undefined>;

  /**
   * The session, if it exists and belongs to this holder; a look-up restarts its idle time. At once where it is in memory,
   * since every request asks.
   */
  abstract find(
    id: string,
    holder: SessionHolder,
  ): SessionRecord | undefined | Promise<SessionRecord | undefined>;

  /** Restarts the idle time of a session with activity. */
  abstract renew(session: SessionRecord): Promise<void>;

  /** Detects the end of a session without extending it. */
  abstract check(session: SessionRecord): Promise<void>;

  /** Stores the log level of a session. */
  abstract setLogLevel(session: SessionRecord, logLevel: LoggingLevel): Promise<void>;

  abstract end(session: SessionRecord): Promise<void>;

  /** Takes the lease of the standalone stream of a session; its client may have lost the previous holder. */
  abstract leaseStream(session: SessionRecord): Promise<StreamLease>;

  /** Calls back with the hash of a session that has ended, for any reason; possibly more than once. */
  abstract onEnded(listener: (sessionHash: string) => void): void;
}
