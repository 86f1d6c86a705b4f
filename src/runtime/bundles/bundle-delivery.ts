import { once } from 'node:events';
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2';
import { text } from 'node:stream/consumers';

import { Injectable } from '@nestjs/common';

import { AGENT_PATHS, type BundleRef } from '../../contract/index.js';

/** A slow line is not given up while bytes move; the tunnel notices a dead one. */
const IDLE_MS = 60_000;

/** An agent that answers does not take the files of a definition; the message says why. */
export class BundleRefused extends Error {
  override readonly name = 'BundleRefused';
}

/** Takes the files of definitions to the agents that run them, each bundle once. */
@Injectable()
export class BundleDelivery {
  /** Deliveries under way, of each connection by hash. */
  private readonly deliveries = new WeakMap<ClientHttp2Session, Map<string, Promise<void>>>();

  /**
   * Makes sure that an agent has a bundle.
   *
   * @param read the archive; called only when the agent lacks it.
   * @throws {BundleRefused} when the agent does not take it; another error when the agent is gone.
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
  const { status, said } = await exchange(session, 'PUT', hash, await read());
  if (status === 204) return;
  throw new BundleRefused(`the files of the definition were not taken: ${said || `status ${status}`}`);
}

async function exchange(
  session: ClientHttp2Session,
  method: 'HEAD' | 'PUT',
  hash: string,
  archive?: Buffer,
): Promise<{ status: number; said: string }> {
  const stream = session.request({ ':method': method, ':path': `${AGENT_PATHS.bundles}/${hash}` });
  stream.setTimeout(IDLE_MS, () => stream.close());
  stream.end(archive);
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  return { status: Number(headers[':status']), said: await text(stream) };
}
