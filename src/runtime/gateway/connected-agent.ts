import { type ClientHttp2Session, constants } from 'node:http2';

import type { WebSocket } from 'ws';

import { AGENT_GOODBYE, AGENT_REPLACED, type AgentHello } from '../../contract/index.js';
import type { Audience } from '../files/index.js';
import type { ClaimedRun } from '../tasks/index.js';

/** WebSocket close code: the key is no longer valid. */
const KEY_ENDED = 4003;
/** WebSocket close code: the agent did not answer requests, and should dial again. */
const UNRESPONSIVE = 4008;
/** After these the runs of the agent are gone. */
const LAST_CODES: ReadonlySet<number> = new Set([AGENT_GOODBYE, KEY_ENDED]);
const GOODBYE_LIMIT_MS = 1000;

/** An agent that is connected to this process, and its runs. */
export class ConnectedAgent {
  readonly runs = new Map<string, ClaimedRun>();
  readonly connectedAt = new Date();
  /** Resolves when the connection has ended: whether its runs may go on and the agent may come back with them. */
  readonly closed: Promise<boolean>;
  private isLeaving = false;

  constructor(
    readonly hello: AgentHello,
    readonly teamId: string,
    /** Which file links it can reach. */
    readonly audience: Audience,
    private readonly line: { readonly session: ClientHttp2Session; readonly webSocket: WebSocket },
  ) {
    this.closed = new Promise((resolve) => {
      line.webSocket.once('close', (code) => resolve(!LAST_CODES.has(code)));
    });
  }

  get agentId(): string {
    return this.hello.agent_id;
  }
  get labels(): readonly string[] {
    return this.hello.labels;
  }
  get free(): number {
    return this.isConnected ? Math.max(0, this.hello.slots - this.runs.size) : 0;
  }
  get isConnected(): boolean {
    return !this.isLeaving && !this.line.session.closed && !this.line.session.destroyed;
  }
  get session(): ClientHttp2Session {
    return this.line.session;
  }

  replace(): void {
    this.hangUp(AGENT_REPLACED, 'another agent with this id has connected');
  }
  refuse(): void {
    this.hangUp(KEY_ENDED, 'the key is no longer valid');
  }
  /** Disconnects an agent that answers no requests. */
  giveUp(): void {
    this.hangUp(UNRESPONSIVE, 'the agent answers no requests');
  }
  leave(): void {
    this.hangUp(1001, 'the gateway is going away');
  }

  private hangUp(code: number, reason: string): void {
    this.isLeaving = true;
    const { webSocket, session } = this.line;
    webSocket.close(code, reason);
    const forced = setTimeout(() => webSocket.terminate(), GOODBYE_LIMIT_MS);
    webSocket.once('close', () => {
      clearTimeout(forced);
      session.destroy(undefined, constants.NGHTTP2_CANCEL);
    });
  }
}
