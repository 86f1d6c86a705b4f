import { setTimeout as delay } from 'node:timers/promises';

import { Logger } from '@nestjs/common';
import type { Client } from 'pg';

import type { NotificationListener } from './database.js';

/** How often the connection is tested. */
const PROBE_MS = 5000;
const LONGEST_RETRY_MS = 5000;
const FIRST_RETRY_MS = 100;

/**
 * LISTEN on a connection of its own: one of a pool would lose its channels. It reconnects until it is closed, and then
 * calls `missed`, because what was notified meanwhile is lost.
 */
export class NotificationConnection {
  private readonly logger = new Logger('Database');
  private readonly listeners = new Map<string, Set<NotificationListener>>();
  private client: Client | undefined;
  private connecting: Promise<void> | undefined;
  private readonly closing = new AbortController();
  private readonly probing: NodeJS.Timeout;

  /** @param newClient a connection with a time limit for its queries. */
  constructor(private readonly newClient: () => Client) {
    this.probing = setInterval(() => void this.probe(), PROBE_MS).unref();
  }

  /** Calls back for a channel; returns a function that stops it. */
  async listen(channel: string, listener: NotificationListener): Promise<() => Promise<void>> {
    const known = this.listeners.get(channel);
    const all = known ?? new Set();
    this.listeners.set(channel, all.add(listener));
    if (this.client && !known) await this.client.query(`listen ${channel}`);
    else await this.connected();
    return () => {
      all.delete(listener);
      return Promise.resolve();
    };
  }

  async close(): Promise<void> {
    this.closing.abort();
    clearInterval(this.probing);
    await this.client?.end().catch(() => undefined);
    this.client = undefined;
  }

  private connected(): Promise<void> {
    this.connecting ??= this.connect().finally(() => {
      this.connecting = undefined;
    });
    return this.connecting;
  }

  private async connect(): Promise<void> {
    if (this.client) return;
    const client = this.newClient();
    client.on('notification', ({ channel, payload = '' }) => {
      for (const { notified } of this.listeners.get(channel) ?? []) notified(payload);
    });
    client.on('error', () => this.lost(client));
    client.on('end', () => this.lost(client));
    try {
      await client.connect();
      for (const channel of this.listeners.keys()) await client.query(`listen ${channel}`);
      this.closing.signal.throwIfAborted();
    } catch (error) {
      void client.end();
      throw error;
    }
    this.client = client;
  }

  private lost(client: Client): void {
    if (this.client !== client) return;
    this.client = undefined;
    if (this.closing.signal.aborted) return;
    this.logger.warn('the connection for notifications was lost; it is made again');
    void this.reconnect();
  }

  private async reconnect(): Promise<void> {
    for (let wait = FIRST_RETRY_MS; !this.client; wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
      await delay(wait, undefined, { signal: this.closing.signal }).catch(() => undefined);
      if (this.closing.signal.aborted) return;
      await this.connected().catch(() => undefined);
    }
    this.logger.log('the connection for notifications is there again');
    for (const { missed } of [...this.listeners.values()].flatMap((all) => [...all])) missed();
  }

  /** Ends a connection that no longer answers, such as one whose server was stopped or whose network is gone. */
  private async probe(): Promise<void> {
    const { client } = this;
    if (!client) return;
    await client.query('select 1').catch(() => {
      this.lost(client);
      void client.end();
    });
  }
}
