import { Injectable } from '@nestjs/common';
import type { JSONRPCMessage } from '@modelcontextprotocol/server';

import { isNotification, type NotificationMessage } from '../protocol/index.js';
import { ReplicaChannel } from '../storage/index.js';
import type { LiveSession } from './live-session.js';
import { LiveSessions } from './live-sessions.js';

const LONGEST_REASON = 200;

/**
 * What a client says without wanting an answer: a notification, or its own answer to a question. What it is about may
 * be going on in another replica.
 */
@Injectable()
export class ClientNotifications {
  constructor(
    live: LiveSessions,
    private readonly replicas: ReplicaChannel,
  ) {
    replicas.onMessage('from-client', ({ sessionHash, message }) => {
      const session = live.find(sessionHash);
      if (session) deliver(session, message);
    });
  }

  /** @throws {JsonRpcHttpError} 503 when it is nothing of ours and the others cannot be reached. */
  async take(session: LiveSession, message: JSONRPCMessage): Promise<void> {
    const isOver = deliver(session, message);
    if (isOver || (isNotification(message) && message.method === 'notifications/initialized')) return;
    await this.replicas.publish({ kind: 'from-client', sessionHash: session.record.sessionHash, message });
  }
}

/** Whether nobody else can have a use for it. */
function deliver(session: LiveSession, message: JSONRPCMessage): boolean {
  if (!isNotification(message)) return session.deliver(message);
  if (message.method === 'notifications/cancelled') return cancel(session, message);
  session.deliver(message);
  return false;
}

function cancel(session: LiveSession, notification: NotificationMessage): boolean {
  const { requestId, reason } = notification.params ?? {};
  const call = session.callOf(requestId);
  if (!call) return false;
  const why = typeof reason === 'string' ? `: ${oneLine(reason)}` : '';
  session.cancel(call, `cancelled by the client${why}`, notification);
  return true;
}

/** A client's words as the log may hold them. */
const oneLine = (text: string): string => text.slice(0, LONGEST_REASON).replaceAll(/\p{Cc}+/gu, ' ');
