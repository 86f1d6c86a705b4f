import type {
  JSONRPCMessage,
  MessageExtraInfo,
  RequestId,
  Transport,
  TransportSendOptions,
} from '@modelcontextprotocol/server';

import type { McpServer } from '../tools/tool-context.js';

import type { LiveSession } from './live-session.js';

/** Id of the handshake that tells a new SDK server what the client said when the session was opened. */
const HANDSHAKE: RequestId = 'cyberun-handshake';

/**
 * Joins the SDK server of one session to our streams: what belongs to a request goes to that request's own response,
 * everything else to the session's standalone stream.
 */
export class SessionLink implements Transport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: ((message: JSONRPCMessage, extra?: MessageExtraInfo) => void) | undefined;
  readonly sessionId: string;
  /** Settled once the server knows its client. */
  readonly ready: Promise<void>;
  private greeted: (() => void) | undefined;

  constructor(
    readonly server: McpServer,
    private readonly live: LiveSession,
  ) {
    this.sessionId = live.record.id;
    this.ready = new Promise((resolve) => (this.greeted = resolve));
    const { hello: params } = live.record;
    void server.connect(this);
    this.deliver({ jsonrpc: '2.0', id: HANDSHAKE, method: 'initialize', params });
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  /** Hands a message of the client to the server. */
  deliver(message: JSONRPCMessage, extra?: MessageExtraInfo): void {
    this.onmessage?.(message, extra);
  }

  async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    const text = JSON.stringify(message);
    if ('method' in message) {
      const related = options?.relatedRequestId;
      const call = related === undefined ? undefined : this.live.calls.get(related);
      await (call ? call.notify(text) : this.live.stream?.send(text));
    } else if (this.greeted && message.id === HANDSHAKE) {
      this.greeted();
      // From now on the id is a client's, should one choose it.
      this.greeted = undefined;
    } else if (message.id !== undefined) {
      this.live.calls.get(message.id)?.answer(text);
    }
  }

  close(): Promise<void> {
    this.onclose?.();
    return Promise.resolve();
  }
}
