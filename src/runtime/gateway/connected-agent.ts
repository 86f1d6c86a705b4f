import { type ClientHttp2Session, constants } from 'node:http2';

import type { WebSocket } from 'ws';

import type { AgentHello } from '../../contract/index.js';
import type { Audience } from '../files/index.js';
import type { ClaimedRun } from '../tasks/index.js';

/** Close code that tells an agent another one of its name has come. */
const REPLACED = 4001;
/** Close code that tells an agent its key is no longer valid. */
const KEY_ENDED = 4003;
/** Close code that tells an agent that it has not answered, and should dial again. */
const UNRESPONSIVE = 4008;
const GOODBYE_LIMIT_MS = 1000;

/** An agent that is connected to this process, and what it is doing. */
export class ConnectedAgent {
  readonly runs = new Map<string, ClaimedRun>();
  readonly connectedAt = new Date();
  lastHeartbeat = this.connectedAt;
  tasksCompleted = 0;
  private isLeaving = false;

  constructor(
    readonly hello: AgentHello,
    readonly teamId: string,
    /** Which file links it can follow. */
    readonly audience: Audience,
    private readonly line: { readonly session: ClientHttp2Session; readonly webSocket: WebSocket },
  ) {
    line.webSocket.on('pong', () => {
      this.lastHeartbeat = new Date();
    });
  }

  get agentId(): string {
    return this.hello.agent_id;
  }
  get labels(): readonly string[] {
    return this.hello.labels;
  }
  /** Runs it could take on now. */
  get free(): number {
    return this.isConnected ? Math.max(0, this.hello.slots - this.runs.size) : 0;
  }
  get isConnected(): boolean {
    return !this.isLeaving && !this.line.session.closed && !this.line.session.destroyed;
  }
  get session(): ClientHttp2Session {
    return this.line.session;
  }

  /** Whether it has every one of these labels. */
  hasLabels(labels: readonly string[]): boolean {
    return labels.every((label) => this.hello.labels.includes(label));
  }

  replace(): void {
    this.hangUp(REPLACED, 'another agent with this id has connected');
  }
  refuse(): void {
    this.hangUp(KEY_ENDED, 'the key is no longer valid');
  }
  /** For one that keeps its connection open and answers nothing on it. */
  giveUp(): void {
    this.hangUp(UNRESPONSIVE, 'the agent takes no requests');
  }
  leave(): void {
    this.hangUp(1001, 'the gateway is going away');
  }

  private hangUp(code: number, reason: string): void {
    this.isLeaving = true;
    const { webSocket, session } = this.line;
    webSocket.close(code, reason);
    const impatience = setTimeout(() => webSocket.terminate(), GOODBYE_LIMIT_MS);
    webSocket.once('close', () => {
      clearTimeout(impatience);
      session.destroy(undefined, constants.NGHTTP2_CANCEL);
    });
  }
}
