import { type ClientHttp2Session, constants } from 'node:http2';

import type { WebSocket } from 'ws';

import { AGENT_GOODBYE, AGENT_REPLACED, type AgentHello, capabilitiesOf } from '../../contract/index.js';
import type { Audience } from '../files/index.js';
import type { ClaimedRun } from '../tasks/index.js';

/** WebSocket close code: the key is no longer valid. */
const KEY_ENDED = 4003;
/** WebSocket close code: the agent did not answer requests, and should dial again. */
const UNRESPONSIVE = 4008;
const GOODBYE_LIMIT_MS = 1000;

/**
 * How a connection ended. `lost`: the agent may come back with its runs; `goodbye`: it has ended and given them back;
 * `refused`: it must not come back.
 */
type Departure = 'lost' | 'goodbye' | 'refused';

function departureOf(code: number): Departure {
  if (code === AGENT_GOODBYE) return 'goodbye';
  return code === KEY_ENDED ? 'refused' : 'lost';
}

/** An agent that is connected to this process, and its runs. */
export class ConnectedAgent {
  readonly runs = new Map<string, ClaimedRun>();
  readonly connectedAt = new Date();
  /** Its labels and features, which a task may require. */
  readonly labels: readonly string[];
  /** Resolves when the connection has ended. */
  readonly closed: Promise<Departure>;
  private isLeaving = false;

  constructor(
    private greeting: AgentHello,
    readonly teamId: string,
    /** Which links to files it gets. */
    readonly audience: Audience,
    private readonly line: { readonly session: ClientHttp2Session; readonly webSocket: WebSocket },
  ) {
    this.labels = capabilitiesOf(greeting);
    this.closed = new Promise((resolve) => {
      line.webSocket.once('close', (code) => resolve(departureOf(code)));
    });
  }

  get hello(): AgentHello {
    return this.greeting;
  }
  /** Whether it takes no further runs, because it ends once it has finished those that it has. */
  get isDraining(): boolean {
    return this.hello.draining;
  }
  get agentId(): string {
    return this.hello.agent_id;
  }
  /** Its first GPU. */
  get gpuType(): string | undefined {
    return this.hello.gpus[0]?.name;
  }
  get free(): number {
    return this.isConnected && !this.isDraining ? Math.max(0, this.hello.slots - this.runs.size) : 0;
  }
  get isConnected(): boolean {
    return !this.isLeaving && !this.line.session.closed && !this.line.session.destroyed;
  }
  get session(): ClientHttp2Session {
    return this.line.session;
  }

  drain(): void {
    this.greeting = { ...this.hello, draining: true };
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
