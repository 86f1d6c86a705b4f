import { once } from 'node:events';
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2';
import { text } from 'node:stream/consumers';

import { Injectable } from '@nestjs/common';

import { AGENT_PATHS, type BundleRef } from '../../contract/index.js';

/** Timeout without any transfer; the tunnel detects a dead connection. */
const IDLE_MS = 60_000;

/** The agent refused a bundle; the message gives the reason. */
export class BundleRejected extends Error {
  override readonly name = 'BundleRejected';
}

/** Sends bundles (files of definitions) to agents, each bundle once. */
@Injectable()
export class BundleDelivery {
  /** Deliveries in progress, by connection and hash. */
  private readonly deliveries = new WeakMap<ClientHttp2Session, Map<string, Promise<void>>>();

  /**
   * Sends a bundle unless the agent has it.
   *
   * @param read reads the archive; called only when the agent does not have it.
   * @throws {BundleRejected} when the agent refuses it; another error when the agent is gone.
   */
  async deliver(
    session: ClientHttp2Session,
    { hash }: BundleRef,
    read: () => Promise<Buffer>,
  ): Promise<void> {
    const current = this.deliveries.get(session) ?? new Map<string, Promise<void>>();
    this.deliveries.set(session, current);
    const delivery =
      current.get(hash) ?? deliverOnce(session, hash, read).finally(() => current.delete(hash));
    current.set(hash, delivery);
    await delivery;
  }
}

async function deliverOnce(
  session: ClientHttp2Session,
  hash: string,
  read: () => Promise<Buffer>,
): Promise<void> {
  if ((await exchange(session, 'HEAD', hash)).status === 204) return;
  const { status, reply } = await exchange(session, 'PUT', hash, await read());
  if (status === 204) return;
  throw new BundleRejected(`the files of the definition were not taken: ${reply || `status ${status}`}`);
}

async function exchange(
  session: ClientHttp2Session,
  method: 'HEAD' | 'PUT',
  hash: string,
  archive?: Buffer,
): Promise<{ status: number; reply: string }> {
  const stream = session.request({ ':method': method, ':path': `${AGENT_PATHS.bundles}/${hash}` });
  stream.setTimeout(IDLE_MS, () => stream.close());
  stream.end(archive);
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  return { status: Number(headers[':status']), reply: await text(stream) };
}
