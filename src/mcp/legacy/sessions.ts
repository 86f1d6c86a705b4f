import type { InitializeRequest } from '@modelcontextprotocol/server';

/** What is kept of a session of a 2025-era client: enough for any process to go on with it. */
export interface SessionRecord {
  readonly id: string;
  /** The session belongs to the key that opened it. */
  readonly keyHash: string;
  readonly protocolVersion: string;
  /** What the client said of itself. */
  readonly hello: InitializeRequest['params'];
}

/** Where sessions are kept. A session ends when its client says so, or after a while without a request. */
export abstract class Sessions {
  abstract open(session: Omit<SessionRecord, 'id'>): Promise<SessionRecord>;

  /** The session, if it is there and belongs to this key; being found keeps it from ending. */
  abstract find(id: string, keyHash: string): Promise<SessionRecord | undefined>;

  /** Keeps a session from ending while something is running in it. */
  abstract renew(id: string): Promise<void>;

  abstract end(id: string): Promise<void>;

  /** Takes the one standalone stream of a session; `false` when somebody has it. */
  abstract claimStream(id: string): Promise<boolean>;

  abstract releaseStream(id: string): Promise<void>;

  /** Calls back for every session that has ended, for whatever reason. */
  abstract onEnded(listener: (id: string) => void): void;
}
