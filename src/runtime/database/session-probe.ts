import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import type { ServerConnections } from './server-connections.js';

const ARRIVAL_LIMIT_MS = 5000;

/**
 * Whether a notification arrives on a connection that listens. A pooler that gives each transaction any session accepts
 * LISTEN and drops what is notified; in such a place locks of sessions outlive their holders, too.
 */
export async function deliversNotifications(connections: ServerConnections): Promise<boolean> {
  const channel = `cyberun_probe_${randomUUID().replaceAll('-', '')}`;
  const limit = new AbortController();
  const listener = connections.newNotificationClient();
  const arrived = new Promise<boolean>((resolve) => listener.once('notification', () => resolve(true)));
  listener.on('error', () => undefined);
  try {
    await listener.connect();
    await listener.query(`listen ${channel}`);
    // On another connection: a session also notifies itself.
    await connections.pool.query(`notify ${channel}`);
    const late = delay(ARRIVAL_LIMIT_MS, false, { signal: limit.signal }).catch(() => false);
    return await Promise.race([arrived, late]);
  } finally {
    limit.abort();
    await listener.end().catch(() => undefined);
  }
}
